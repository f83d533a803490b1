// A guest of several CPUs finds them as the architecture has them, on boards of as many, of fewer and of more: counted instructions, where a run
// repeats; and real threads of the host, where it does not.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { SystemConfig } from "../../tool/config.ts";
import { type BootOptions, boot } from "./expect.ts";

const system = (vcpus: number): SystemConfig => ({
  name: "smp",
  vms: [{ name: "smp", memory: "16M", vcpus, kernel: "smp.bin" }],
});

const check = async (vcpus: number, cpus: number, options: BootOptions): Promise<void> => {
  await using vm = await boot({ system: system(vcpus), cpus, ...options });
  const end = await vm.end();
  assert.deepEqual(end.output.match(/^(WRONG|stopped) .*/gm) ?? [], []);
  assert.match(end.output, /^smp: +\d\d ok, 0 wrong\r?$/m);
  assert.equal(end.halted?.off, true);
};

const counted: readonly (readonly [vcpus: number, cpus: number])[] = [
  [1, 1],
  [2, 1],
  [8, 1],
  [3, 2],
  [4, 4],
  [2, 8],
  [8, 8],
];
for (const [vcpus, cpus] of counted) {
  test(`${vcpus} vCPUs on ${cpus} CPUs`, () => check(vcpus, cpus, { icount: true }));
}

for (const el3 of [false, true]) {
  test(`2 vCPUs on 2 CPUs at the same time, from EL${el3 ? 3 : 2}`, () => check(2, 2, { el3 }));
}

test("two VMs of two vCPUs each keep what is theirs on two CPUs", async () => {
  const [one] = system(2).vms;
  const vms = ["a", "b"].map((name) => ({ ...one!, name }));
  await using vm = await boot({ system: { name: "smp", vms }, cpus: 2, icount: true });
  const end = await vm.end();
  for (const { name } of vms) assert.match(end.of(name), /^smp: +\d\d ok, 0 wrong\r?$/m);
});
