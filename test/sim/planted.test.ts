// How bugs are planted: the core that is run is the changed one, and a place that does not stand in the sources once is named.

import assert from "node:assert/strict";
import { test } from "node:test";
import { calls } from "../../abi/calls.ts";
import { start } from "../../sim/start.ts";
import { plantedCore, without } from "./planted.ts";

const VERSION = BigInt(calls.find(({ name }) => name === "PSCI_VERSION")?.id ?? 0);
const VERSION_ROW = { file: "src/smccc/dispatch.ts", find: "case PSCI_VERSION:", replace: "case 0x7fff:" };

test("a machine runs the core with the change", async () => {
  const wasm = await plantedCore("no-psci-version", [VERSION_ROW]);
  assert.equal(start().hvc(VERSION), 0x1_0001n);
  assert.equal(start({ machine: { wasm } }).hvc(VERSION), 0xffff_ffff_ffff_ffffn);
});

test("a place that is not there, or there twice, is named", async () => {
  const gone = { ...VERSION_ROW, find: "case PSCI_VARIATION:" };
  await assert.rejects(
    plantedCore("gone", [gone]),
    /gone: in src\/smccc\/dispatch.ts this stands 0 times, not once: case PSCI_VARIATION:/,
  );
  await assert.rejects(plantedCore("often", [{ ...VERSION_ROW, find: "case " }]), /often: .* this stands \d\d times/);
});

test("a HAL function is left out", () => {
  const all = start();
  assert.throws(() => start({ machine: { wrapHal: without("barrier", "isb") } }), /isb/);
  assert.throws(() => start({ machine: { wrapHal: without("barrier", "icb") } }), /no barrier.icb/);
  assert.equal(start({ machine: { wrapHal: without("barrier", "isb", (n) => n === 100_000) } }).vcpu, all.vcpu);
});
