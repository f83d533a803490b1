// The counting build and its report, on a small module whose lines and arms are known.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { keyOf, type Point } from "../../../tool/coverage/counters.ts";
import { armsOf, coverageOf, type FileCoverage, lcov, linesOf, missing, table } from "../../../tool/coverage/report.ts";
import { ROOT } from "../../../tool/paths.ts";

mkdirSync(join(ROOT, "build"), { recursive: true });
const folder = mkdtempSync(join(ROOT, "build/coverage-"));
after(() => rmSync(folder, { recursive: true }));

/** Compiled as src/sample.ts of a repository of its own. */
const SOURCE = `export function choose(n: u32): u32 {
  switch (n) {
    case 0:
      return 10;
    case 1:
    case 2:
      return 20;
    default:
      return 30;
  }
}
export function both(a: u32, b: u32, c: u32): u32 {
  if (a != 0 && b != 0 && c != 0) return 1;
  return a > b ? 2 : 3;
}
export function count(n: u32): u32 {
  let sum: u32 = 0;
  for (let i: u32 = 0; i < n; i++) {
    if (i == 3) continue;
    sum += i;
  }
  while (sum > 100) sum -= 100;
  return sum;
}
export function never(): void {
  count(1);
}
export function poke(at: u32): void {
  store<u32>(at, 1);
}
`;
mkdirSync(join(folder, "src"));
writeFileSync(join(folder, "src/sample.ts"), SOURCE);
execFileSync(process.execPath, [join(ROOT, "tool/coverage/compile.ts"), "src/sample.ts", "sample.wasm", "2", "65536"], {
  cwd: folder,
});
const points = JSON.parse(readFileSync(join(folder, "sample.json"), "utf8")) as Point[];
const module = new WebAssembly.Module(readFileSync(join(folder, "sample.wasm")));

interface Sample {
  choose(n: number): number;
  both(a: number, b: number, c: number): number;
  count(n: number): number;
  poke(at: number): void;
}

/** What a run reaches. */
const covered = (run: (sample: Sample) => void): FileCoverage => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  run(new WebAssembly.Instance(module, { coverage: { counters: memory } }).exports as unknown as Sample);
  const bytes = new Uint8Array(memory.buffer);
  const [file] = coverageOf(points, new Set(points.filter((_, n) => bytes[n] !== 0).map(keyOf)));
  assert.ok(file);
  return file;
};
const gaps = (run: (sample: Sample) => void, from: number, to: number): string[] =>
  missing(covered(run)).filter((gap) => {
    const line = Number(gap.split(":")[1]);
    return line >= from && line <= to;
  });

test("the counting build does what the sources say", () => {
  covered((sample) => {
    assert.deepEqual([0, 1, 2, 3].map(sample.choose), [10, 20, 20, 30]);
    assert.deepEqual([sample.both(1, 1, 1), sample.both(1, 0, 1), sample.both(1, 2, 0)], [1, 2, 3]);
    assert.equal(sample.count(6), 12);
    assert.throws(() => sample.poke(0x2_0000), WebAssembly.RuntimeError);
  });
});
test("lines are those on which statements begin", () => {
  const lines = [...covered(() => {}).lines.keys()].sort((a, b) => a - b);
  assert.deepEqual(lines, [2, 4, 7, 9, 13, 14, 17, 18, 19, 20, 22, 23, 26, 29]);
});
test("what does not run is named", () => {
  const all = missing(covered(() => {}));
  assert.ok(all.includes("src/sample.ts:26: never runs"));
  assert.deepEqual(
    gaps(({ choose }) => choose(1), 1, 11),
    [
      "src/sample.ts:2:3: the default is never taken",
      "src/sample.ts:3:10: a case that is never taken",
      "src/sample.ts:4: never runs",
      "src/sample.ts:6:10: a case that is never taken",
      "src/sample.ts:9: never runs",
    ],
  );
  assert.deepEqual(
    gaps(({ choose }) => [0, 1, 2, 9].forEach(choose), 1, 11),
    [],
  );
});
test("each condition has an arm for true and one for false", () => {
  const some = gaps((sample) => sample.both(1, 0, 5), 12, 15);
  assert.deepEqual(some, [
    "src/sample.ts:13:3: is never true",
    "src/sample.ts:13:7: is never false", // a != 0 && b != 0
    "src/sample.ts:13:7: is never true", // the whole
    "src/sample.ts:14:10: is never false",
  ]);
  const every = (sample: Sample): void => {
    for (let n = 0; n < 8; n++) sample.both(n & 1, n & 2, n & 4);
  };
  assert.deepEqual(gaps(every, 12, 15), []);
});
test("loops have two arms as well", () => {
  assert.deepEqual(
    gaps(({ count }) => count(2), 16, 24),
    ["src/sample.ts:19:5: is never true", "src/sample.ts:22:10: is never true"],
  );
  assert.deepEqual(
    gaps(({ count }) => count(30), 16, 24),
    [],
  );
});
test("a line, and an arm, is reached if it is in one of the modules that have it", () => {
  const point = (kind: Point["kind"], line: number): Point => ({ file: "src/a.ts", line, column: 2, kind, before: 0 });
  const both = [point("line", 1), point("true", 1), point("false", 1), point("line", 2), point("line", 2)];
  const [file] = coverageOf([...both, ...both], new Set([keyOf(point("line", 1)), keyOf(point("true", 1))]));
  assert.ok(file);
  assert.deepEqual(linesOf(file), { reached: 1, all: 2 });
  assert.deepEqual(armsOf(file), { reached: 1, all: 2 });
  assert.match(table([file]), /^src\/a\.ts +50\.0 % +1\/2 +50\.0 % +1\/2\nall +50\.0 % +1\/2 +50\.0 % +1\/2$/m);
  assert.equal(
    lcov([file]),
    "SF:src/a.ts\nBRDA:1,0,0,1\nBRDA:1,0,1,0\nBRF:2\nBRH:1\nDA:1,1\nDA:2,0\nLF:2\nLH:1\nend_of_record\n",
  );
});
