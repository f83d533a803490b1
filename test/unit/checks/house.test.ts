// The house: who knows whom, circles, where assembly may be, how much of it is TypeScript, and what tsc says.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assembly } from "../../../tool/chain/checks/assembly.ts";
import { fileCircles, importGraph } from "../../../tool/chain/checks/circles.ts";
import { importOrder } from "../../../tool/chain/checks/import-order.ts";
import { apply } from "../../../tool/chain/checks/rule.ts";
import { countLines, share } from "../../../tool/chain/checks/share.ts";
import { types } from "../../../tool/chain/checks/types.ts";
import { program } from "../../../tool/chain/sources.ts";
import { ROOT } from "../../../tool/paths.ts";
import { accepts, refuses, sources } from "./refuses.ts";

const importing = (path: string): string => `import * as other from "${path}";`;

test("an import upwards is refused", () => {
  const message =
    /^src\/lib\/a\.ts:1: import-order: lib does not know vm; move what is needed down.*abi < hal < lib < log < mmu, cpu, drivers < vm/;
  refuses(importOrder, sources({ "src/lib/a.ts": importing("../vm/records") }), message);
});
test("an import among mmu, cpu and drivers is refused", () => {
  refuses(importOrder, sources({ "src/cpu/a.ts": importing("../mmu/stage2") }), /cpu does not know mmu/);
  refuses(importOrder, sources({ "src/drivers/a.ts": 'export * from "../cpu/el2";' }), /drivers does not know cpu/);
});
test("an import from elsewhere is refused", () => {
  refuses(importOrder, sources({ "src/traps/a.ts": importing("../../sim/machine") }), /traps does not know sim\/machine\.ts/);
});
test("an import of abi/ from above is refused", () => {
  refuses(
    importOrder,
    sources({ "abi/a.ts": importing("../tool/fdt.ts") }),
    /^abi\/a\.ts:1: import-order: abi does not know tool\/fdt\.ts/,
  );
});
test("a folder that the house does not have is refused", () => {
  refuses(
    importOrder,
    sources({ "src/attic/a.ts": "" }),
    /^src\/attic\/a\.ts: import-order: a folder that the house does not have/,
  );
});
test("imports downwards, within a folder and of generated constants are allowed", () => {
  const downwards = [importing("../vm/records"), importing("./sync"), importing("../../build/gen/esr")].join("\n");
  accepts(importOrder, sources({ "src/traps/a.ts": downwards, "src/main.ts": importing("./traps/sync") }));
});

test("a circle of files is refused", () => {
  const circle = { "src/vm/a.ts": importing("./b"), "src/vm/b.ts": importing("./c"), "src/vm/c.ts": importing("./a") };
  const message = /^src\/vm\/a\.ts: no-circles: imports itself by way of src\/vm\/b\.ts, src\/vm\/c\.ts; move what both need/;
  refuses(fileCircles, importGraph(sources(circle)), message);
});
test("a circle in which one file knows types alone is allowed", () => {
  const files = { "tool/a.ts": 'import { b } from "./b.ts";', "tool/b.ts": 'import type { A } from "./a.ts";' };
  accepts(fileCircles, importGraph(sources(files)));
});

test("assembly outside metal/ is refused", () => {
  refuses(
    assembly,
    ["src/cpu/switch.S", "metal/boot.S", "src/main.ts"],
    /^src\/cpu\/switch\.S: assembly-in-metal: assembly or C outside metal\//,
  );
});

test("comments and blank lines are no lines", () => {
  assert.equal(countLines("// a\n\n/** b\n * c */\nconst d = 1; // e\n/* f */\n  g();\n"), 2);
});
test("too little TypeScript is refused", () => {
  refuses(
    share,
    { typescript: ["a\n".repeat(79)], others: ["b\n".repeat(21)] },
    /^metal\/: typescript-share: 21 lines against 79 of TypeScript/,
  );
  accepts(share, { typescript: ["a\n".repeat(80)], others: ["b\n".repeat(20)] });
});

test("tsc reports addresses that are mixed, and what nobody uses", () => {
  mkdirSync(join(ROOT, "build"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "build/check-"));
  try {
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: "../../src/tsconfig.json", include: ["*.ts"] }));
    const text = `import { Ipa, Pa } from "../../src/hal/addr";
function read(at: Pa): u64 {
  return at as u64;
}
export function f(at: Ipa): u64 {
  return read(at);
}
`;
    writeFileSync(join(folder, "sample.ts"), text);
    const { problems } = apply([types], program(join(folder, "tsconfig.json")));
    assert.equal(problems.length, 1, problems.join("\n"));
    assert.match(
      problems[0] ?? "",
      /sample\.ts:6: tsc: TS2345: Argument of type 'Ipa' is not assignable to parameter of type 'Pa'/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
