// Device trees and bundles that are broken anywhere: the core boots, or ends with one line that says why. It never traps, never goes in circles, never
// reads or maps what it must not.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { boardTree } from "../../../sim/board.ts";
import { bundleOf } from "../../../sim/bundles.ts";
import { DEFAULT_BANKS } from "../../../sim/machine.ts";
import { BUNDLE_AT } from "../../../sim/start.ts";
import { fdtNode, writeFdt } from "../../../tool/fdt.ts";
import { check } from "./property.ts";
import { survive } from "./survive.ts";

type Mutation = (bytes: Buffer, length: number) => void;

const position = fc.nat({ max: 2 ** 31 });
const interesting = fc.constantFrom(
  0,
  1,
  2,
  3,
  4,
  8,
  9,
  16,
  40,
  0xff,
  0x1000,
  0x1_0000,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_fffc,
  0xffff_ffff,
);
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(position, fc.nat({ max: 255 })).map(
    ([at, value]): Mutation =>
      (bytes, length) => {
        bytes[at % length] = value;
      },
  ),
  fc.tuple(position, interesting).map(
    ([at, value]): Mutation =>
      (bytes, length) => {
        bytes.writeUInt32BE(value, (at % (length >> 2)) * 4);
      },
  ),
  // The header's ten words, more often than chance would.
  fc.tuple(fc.nat({ max: 9 }), interesting).map(
    ([word, value]): Mutation =>
      (bytes) => {
        bytes.writeUInt32BE(value, word * 4);
      },
  ),
  position.map(
    (at): Mutation =>
      (bytes, length) => {
        bytes.fill(0, at % length, length);
      },
  ),
  fc.tuple(position, position, fc.nat({ max: 200 })).map(
    ([from, to, count]): Mutation =>
      (bytes, length) => {
        bytes.copy(bytes, to % length, from % length, Math.min(length, (from % length) + count));
      },
  ),
);
const mutations = fc.array(mutation, { minLength: 1, maxLength: 5 });

test("a board's device tree, broken anywhere", () => {
  const initrd = { start: BUNDLE_AT, end: BUNDLE_AT + bundleOf().length };
  const intact = boardTree({ banks: DEFAULT_BANKS, initrd });
  check(
    fc.property(mutations, (all) => {
      const fdt = Buffer.from(intact);
      for (const one of all) one(fdt, fdt.length);
      survive({ fdt }, true);
    }),
    200,
  );
});

test("a board's device tree, cut off anywhere", () => {
  const intact = boardTree({ banks: DEFAULT_BANKS });
  for (let length = 0; length < intact.length; length += 61) {
    survive({ fdt: Buffer.concat([intact.subarray(0, length), Buffer.alloc(64)]) }, true);
  }
});

const vm = {
  memory: 32 * 2 ** 20,
  initrd: Buffer.from("initrd"),
  logLevels: "vm=debug",
  regions: [{ ipa: 0, size: 0x5000, readOnly: true }],
};
const manifestSize = (bundle: Buffer): number => bundle.readUInt32BE(4);

test("a bundle's manifest, broken anywhere", () => {
  const intact = bundleOf({
    ...vm,
    regions: [...vm.regions, { ipa: 0x1000_0000, size: 0x2000, readOnly: false, file: Buffer.from("f") }],
  });
  check(
    fc.property(mutations, (all) => {
      const bundle = Buffer.from(intact);
      for (const one of all) one(bundle, manifestSize(intact));
      survive({ bundle }, false);
    }),
    150,
  );
});

test("a bundle, cut off anywhere", () => {
  const intact = bundleOf(vm);
  for (let length = 1; length < manifestSize(intact); length += 67) survive({ bundle: intact.subarray(0, length) }, false);
});

test("a guest's own device tree may be anything: that is the guest's affair", () => {
  const intact = bundleOf(vm);
  const at = intact.lastIndexOf(Buffer.from("d00dfeed", "hex"));
  assert.ok(at > 0);
  check(
    fc.property(mutations, (all) => {
      const bundle = Buffer.from(intact);
      const tree = bundle.subarray(at);
      for (const one of all) one(tree, 0x500);
      survive({ bundle }, false);
    }),
    60,
  );
});

test("a tree that nests without end, or has thousands of nodes, is read within bounds", () => {
  let deep = fdtNode("leaf");
  for (let n = 0; n < 2000; n++) deep = fdtNode("n", {}, [deep]);
  survive({ fdt: writeFdt(fdtNode("", {}, [deep])) }, false);
  const wide = Array.from({ length: 3000 }, (_, n) => fdtNode(`n${n}`));
  survive({ board: { more: wide } }, false);
});
