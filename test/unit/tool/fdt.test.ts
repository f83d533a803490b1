// The FDT writer, held against dtc, which was written by others from the same specification.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { type FdtNode, fdtNode, writeFdt } from "../../../tool/fdt.ts";

/** What dtc reads in a blob: its source text, sorted or not. Any complaint is an error. */
const decompile = (blob: Uint8Array): string => {
  const { status, stdout, stderr } = spawnSync("dtc", ["-q", "-I", "dtb", "-O", "dts", "-f", "-"], {
    input: blob,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return stdout.replace("/dts-v1/;\n\n", "");
};

/** The blob that dtc makes of a blob. */
const rewrite = (blob: Uint8Array): Buffer => {
  const { status, stdout, stderr } = spawnSync("dtc", ["-q", "-I", "dtb", "-O", "dtb", "-f", "-"], { input: blob });
  assert.equal(status, 0, stderr.toString());
  return stdout;
};

test("every kind of value reads back", () => {
  const blob = writeFdt(
    fdtNode(
      "",
      { cell: 0xdeadbeef, pair: 0x1_0000_0002n, cells: [1, 2n, 3], text: "abc", list: ["a", "bc"], flag: true, absent: false },
      [fdtNode("child@1", { bytes: Uint8Array.of(1, 2, 3, 4, 5) }, [fdtNode("leaf")])],
    ),
  );
  assert.equal(
    decompile(blob),
    `/ {
	cell = <0xdeadbeef>;
	pair = <0x01 0x02>;
	cells = <0x01 0x00 0x02 0x03>;
	text = "abc";
	list = "a\\0bc";
	flag;

	child@1 {
		bytes = [01 02 03 04 05];

		leaf {
		};
	};
};
`,
  );
});

test("a name is stored once", () => {
  const one = writeFdt(fdtNode("", { "a-long-name": 1 }));
  const two = writeFdt(fdtNode("", { "a-long-name": 1 }, [fdtNode("n", { "a-long-name": 2 })]));
  assert.equal(two.toString("latin1").split("a-long-name").length, one.toString("latin1").split("a-long-name").length);
});

test("a string with a NUL is refused", () => {
  assert.throws(() => writeFdt(fdtNode("", { text: "a\0b" })), RangeError);
});

const property = fc.oneof(
  fc.nat(0xffffffff),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.stringMatching(/^[ -~]{0,20}$/),
  fc.uint8Array({ maxLength: 9 }),
  fc.constant(true as const),
);
const identifier = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/).filter((name) => name !== "phandle" && name !== "name");
const properties = fc.dictionary(identifier, property, { maxKeys: 4, noNullPrototype: true });
const { tree } = fc.letrec<{ tree: FdtNode; children: FdtNode[] }>((tie) => ({
  children: fc.uniqueArray(tie("tree"), { maxLength: 3, selector: (node) => node.name, depthIdentifier: "tree" }),
  tree: fc.record({
    name: identifier,
    properties,
    children: fc.oneof({ maxDepth: 3, depthIdentifier: "tree" }, fc.constant([]), tie("children")),
  }),
}));

test("dtc reads any tree and writes the same one again", () => {
  fc.assert(
    fc.property(tree, (root) => {
      const blob = writeFdt({ ...root, name: "" });
      assert.equal(decompile(rewrite(blob)), decompile(blob));
      assert.equal(blob.readUInt32BE(4), blob.length);
    }),
    { numRuns: 60 },
  );
});
