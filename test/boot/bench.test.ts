// The figures keep their limits, and are the same each time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { broken, type Figures, single } from "../../bench/limits.ts";
import { measureLinux, measureLinuxNatively, measureOperations, measureStart, measureTransfer } from "../../bench/measure.ts";
import { operations, transfers } from "../../bench/reference.ts";

/**
 * All but the maxima. When a CPU halts, QEMU's main loop may move the clock on to the next timer before the last instructions are counted, which then come on
 * top: of 4,096 turns with a WFI one or two are late by those between the setting of the timer and the WFI.
 */
const repeatable = (figures: Readonly<Record<string, Figures>>): object =>
  Object.fromEntries(Object.entries(figures).map(([name, { min, median, p99 }]) => [name, { min, median, p99 }]));

test("operations keep their limits", async () => {
  const figures = await measureOperations();
  assert.deepEqual(Object.keys(figures), Object.keys(operations));
  assert.deepEqual(broken(figures), []);
  assert.deepEqual(repeatable(await measureOperations()), repeatable(figures));
});

test("from reset to the first instruction", async () => {
  const start = await measureStart(false);
  assert.deepEqual(broken({ "start-unscrubbed": single(start) }), []);
  assert.equal(await measureStart(false), start);
  assert.ok((await measureStart(true)) > start);
});

test("Linux in a VM, held against the same Linux natively", async () => {
  const [native, vm] = await Promise.all([measureLinuxNatively(), measureLinux()]);
  assert.deepEqual(broken({ "linux-native": single(native), "linux-vm": single(vm) }), []);
});

for (const [name, { title, offload }] of Object.entries(transfers)) {
  test(`TCP between two VMs, ${title}: instructions at EL2 for each byte`, async () => {
    const { bytes, perByte } = await measureTransfer(offload);
    assert.equal(bytes, (offload ? 32 : 8) * 2 ** 20);
    assert.deepEqual(broken({ [name]: single(perByte) }), []);
  });
}
