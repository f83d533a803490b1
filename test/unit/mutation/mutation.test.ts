// The mutation check: each operator makes the fault that it names, a seed draws the same faults, and a fault that changes what a test looks at is caught.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { Mutants } from "../../../tool/mutation/compile.ts";
import { equivalents } from "../../../tool/mutation/equivalents.ts";
import { drawn, type Fault, faultsIn, keyOf, sourcesOfCore } from "../../../tool/mutation/faults.ts";
import { operators } from "../../../tool/mutation/operators.ts";
import { runTests } from "../../../tool/mutation/suite.ts";
import { ROOT } from "../../../tool/paths.ts";
import { source } from "../checks/refuses.ts";

/** By operators: a line of a function, and all that it may become. */
const CASES: Readonly<Record<string, readonly (readonly [line: string, ...faults: string[]])[]>> = {
  "a barrier is missing": [["barrier.isb();", ""], ["if (a) barrier.dsbSy();", "if (a) {}"], ["tlb.alle1is();"]],
  "TLB or cache maintenance is missing": [
    ["tlb.vmalle1();", ""],
    ["cache.cleanInvalidate(pa, 4);", ""],
  ],
  "a lock is not taken, or not released": [["guard.enter(vm);", ""], ["acquire(lock);", ""], ["const a = draw(lock);"]],
  "a system register is not written": [["sysreg.writeHcrEl2(1);", ""], ["const a = sysreg.readHcrEl2();"]],
  "a call is missing": [["inject.undefined(vcpu);", ""], ["barrier.isb();"], ["return f();"]],
  "an assignment is missing": [["a.b |= 4;", ""], ["n++;", ""], ["const a = 1;"]],
  "a guard is missing": [
    ["if (a > b) return 0;", ""],
    ["if (a) { f(); continue; }", ""],
    ["if (a) f();"],
    ["if (a) return; else f();"],
  ],
  "a case is missing": [["switch (a) { case 1: case 2: f(); }", "switch (a) { case 2: f(); }", "switch (a) { case 1: }"]],
  "a bound is off by one": [
    ["if (a < b) f();", "if (a <= b) f();"],
    ["return a >= b;", "return a > b;"],
  ],
  "a comparison is the other way round": [["return a == b;", "return a != b;"], ["return a < b;"]],
  "and in place of or, or in place of and": [["return a && b || c;", "return a && b && c;", "return a || b || c;"]],
  "a sum in place of a difference, or the other way round": [
    ["return a + b;", "return a - b;"],
    ["return a - 1;", "return a + 1;"],
  ],
  "a mask is missing": [["return (a >> 3) & MASK;", "return (a >> 3);"], ["return a && b;"]],
  "a shift is one too far": [
    ["return a << n;", "return a << (n + 1);"],
    ["return a >> 12;", "return a >> (12 + 1);"],
  ],
  "a number is off by one": [
    ["return a & ~(SIZE - 1);", "return a & ~(SIZE);"],
    ["return a + 8;", "return a + 9;"],
    ["return a + b;"],
  ],
  "an access has half the width, or less": [
    ["return load<u64>(a);", "return load<u32>(a);"],
    ["store<u32>(a, b);", "store<u16>(a, b);"],
    ["return phys.read32(a);", "return phys.read8(a);"],
    ["mmio.write64(a, b);", "mmio.write32(a, (b) as u32);"],
    ["return load<u8>(a);"],
  ],
  "a number loses its upper half": [["return a as u64;", "return a as u32;"], ["return a as Pa;"]],
  "the least in place of the most, or the other way round": [["return min<u64>(a, b);", "return max<u64>(a, b);"]],
  "a condition is the other way round": [
    ["if (f()) g();", "if (!f()) g();"],
    ["while (!f()) g();", "while (f()) g();"],
    ["return a && f();", "return a && !f();"],
    ["return f();"],
  ],
  "the other answer": [["return true;", "return false;"], ["return 1;"]],
};

const inFunction = (line: string): Map<string, Fault[]> => faultsIn(source(`function sample(): void {\n  ${line}\n}\n`));

test("each operator makes the faults that it names, and no others", () => {
  assert.deepEqual(Object.keys(CASES).sort(), operators.map(({ name }) => name).sort());
  for (const [operator, lines] of Object.entries(CASES)) {
    for (const [line, ...expected] of lines) {
      const faults = inFunction(line).get(operator) ?? [];
      assert.deepEqual(
        faults.map(({ to }) => to),
        expected,
        `${operator}: ${line}`,
      );
      for (const fault of faults)
        assert.deepEqual([fault.file, fault.within, fault.from, fault.line], ["src/lib/sample.ts", "sample", line, 2]);
    }
  }
});

test("the same faults at two places of a function have names of their own", () => {
  const faults = inFunction("barrier.isb();\n  barrier.isb();").get("a barrier is missing") ?? [];
  assert.deepEqual(
    faults.map(({ before }) => before),
    [0, 1],
  );
  assert.equal(new Set(faults.map(keyOf)).size, 2);
});

const all = faultsIn(sourcesOfCore());
const first = (seed: number, count: number): Fault[] => {
  const draw = drawn(all, seed);
  return Array.from({ length: count }, () => draw.next().value as Fault);
};

test("a seed draws the same faults each time, another one others", () => {
  assert.deepEqual(first(1, 200), first(1, 200));
  const others = new Set(first(2, 50).map(keyOf));
  assert.ok(first(1, 50).filter((fault) => others.has(keyOf(fault))).length < 10);
});

test("what is drawn is spread over operators and folders, and no fault comes twice", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const faults = first(seed, 50);
    assert.equal(new Set(faults.map(({ operator }) => operator)).size, operators.length);
    assert.ok(new Set(faults.map(({ file }) => dirname(file))).size >= 10, `seed ${seed}`);
  }
  const count = [...all.values()].reduce((sum, { length }) => sum + length, 0);
  const every = [...drawn(all, 1)];
  assert.equal(every.length, count);
  assert.equal(new Set(every.map(keyOf)).size, count);
});

test("each fault of the list of equivalent ones stands in the sources, once in the list, with a reason", () => {
  const keys = new Set([...all.values()].flat().map(keyOf));
  for (const one of equivalents) {
    assert.ok(keys.has(keyOf(one)), `there is no ${one.file}: ${one.from}`);
    assert.ok(one.why.length > 20);
  }
  assert.equal(new Set(equivalents.map(keyOf)).size, equivalents.length);
});

const folder = "build/mutation/test";
after(() => rmSync(join(ROOT, folder), { recursive: true, force: true }));

test("a fault is caught by a test that looks there; the core as it is passes it", async () => {
  const mutants = await Mutants.begin(folder);
  const run = () => runTests(["test/unit/core/psci.test.ts"], folder, 300);
  assert.equal((await run()).failed, undefined);
  const noVersion = all.get("a case is missing")?.find(({ from }) => from.startsWith("case PSCI_VERSION:"));
  assert.ok(noVersion);
  assert.equal(await mutants.make(noVersion, folder), undefined);
  assert.match((await run()).failed?.what ?? "", /^test\/unit\/core\/psci\.test\.ts › /);
});
