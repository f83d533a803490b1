// The figures keep their limits, and are the same each time.

import assert from "node:assert/strict";
import { test } from "node:test";
import { broken, single } from "../../bench/limits.ts";
import { measureLinux, measureLinuxNatively, measureOperations, measureStart } from "../../bench/measure.ts";
import { operations } from "../../bench/reference.ts";

test("operations keep their limits", async () => {
  const figures = await measureOperations();
  assert.deepEqual(Object.keys(figures), Object.keys(operations));
  assert.deepEqual(broken(figures), []);
  assert.deepEqual(await measureOperations(), figures);
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
