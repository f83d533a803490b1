// Control of VMs: every call in every state, 200 VMs made and destroyed without a page lost, DENIED for whoever is no controller; and what two VMs may
// share: a doorbell and a region.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { SystemConfig, VmConfig } from "../../tool/config.ts";
import { boot, type End } from "./expect.ts";

const share = [{ region: "common" }];
const controller = (run: string, rest: Partial<VmConfig> = {}): VmConfig => ({
  name: "controller",
  memory: "16M",
  kernel: "controller.bin",
  bootargs: `run=${run}`,
  controller: true,
  ...rest,
});
const spinner: VmConfig = {
  name: "spinner",
  memory: "16M",
  vcpus: 2,
  kernel: "spinner.bin",
  bootargs: "run=forever",
  autostart: false,
  shared: share,
};
const crasher: VmConfig = { name: "crasher", memory: "16M", kernel: "crash.bin", autostart: false };
const shared = [{ name: "common", size: "2M" }];

const run = async (system: SystemConfig, cpus: number): Promise<End> => {
  await using vm = await boot({ system, cpus, icount: true, qemuArgs: ["-icount", "shift=3"] });
  return await vm.end();
};

/** A VM's cases all hold. */
const holds = (end: End, name: string, summary: string): void => {
  assert.deepEqual(end.of(name).match(/^(WRONG|stopped) .*/gm) ?? [], []);
  assert.match(end.of(name), new RegExp(`^${summary}: +\\d+ ok, 0 wrong\\r?$`, "m"));
};

for (const cpus of [1, 2]) {
  test(`every call in every state, on ${cpus} CPUs`, async () => {
    const end = await run({ name: "states", shared, vms: [controller("states", { shared: share }), spinner, crasher] }, cpus);
    holds(end, "controller", "controller");
    // The one that crashed was destroyed since.
    assert.equal(end.halted?.off, true);
  });

  test(`200 VMs made and destroyed, on ${cpus} CPUs`, async () => {
    const end = await run({ name: "loops", shared, vms: [controller("loops"), spinner] }, cpus);
    holds(end, "controller", "controller");
    assert.equal(end.halted?.off, true);
  });

  test(`a doorbell and a shared region, on ${cpus} CPUs`, async () => {
    const peer = (name: string, readOnly: boolean): VmConfig => ({
      name,
      memory: "16M",
      kernel: "peers.bin",
      bootargs: `role=${name}`,
      shared: [{ region: "common", readOnly }],
    });
    const vms = [peer("writer", false), peer("reader", true)];
    const end = await run({ name: "peers", shared, doorbells: [["writer", "reader"]], vms }, cpus);
    holds(end, "writer", "peers");
    holds(end, "reader", "peers");
    assert.equal(end.halted?.off, true);
  });
}

test("whoever is no controller is denied", async () => {
  const hello = (name: string): VmConfig => ({ name, memory: "16M", kernel: "hello.bin" });
  const end = await run({ name: "denied", vms: [controller("denied", { controller: false }), hello("one"), hello("two")] }, 1);
  holds(end, "controller", "controller");
  for (const name of ["one", "two"]) assert.match(end.of(name), /^hello: done\r?$/m);
});
