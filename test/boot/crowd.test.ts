// A crowd as in examples/crowd: 32 VMs of 64 MiB on two CPUs. Here most are bare-metal guests that wake up each second, for a Linux takes seconds to boot
// under QEMU; all start, the Linux VMs reach their shells, and then everybody still answers.

import assert from "node:assert/strict";
import { test } from "node:test";
import crowd from "../../examples/crowd/hyper-lite.config.ts";
import { boot } from "./expect.ts";

const LINUX = 2;
/** Microseconds: a report of each guest comes so often. */
const PERIOD = 1_000_000;
const all = crowd.vms.map((vm, index) =>
  index < LINUX
    ? vm
    : { name: vm.name, memory: vm.memory, kernel: "periodic.bin", bootargs: `period=${PERIOD} limit=${PERIOD} report=1` },
);

test("32 VMs of 64 MiB on two CPUs stay responsive", async () => {
  assert.deepEqual([all.length, new Set(all.map((vm) => vm.memory)).size, all[0]?.memory], [32, 1, "64M"]);
  await using vm = await boot({ system: { ...crowd, vms: all }, icount: true, scrubAtBoot: false });
  const linux = all.slice(0, LINUX);
  for (const { name } of linux) await vm.expectFrom(name, /a busybox shell/);
  const reports = (name: string): number => vm.of(name).match(/\d+ periods/g)?.length ?? 0;
  const before = all.slice(LINUX).map(({ name }) => ({ name, count: reports(name) }));
  vm.send("echo $((6*7)) from $(uname -m)\n");
  await vm.expectFrom(linux[0]!.name, /^42 from aarch64/m);
  for (const { name, count } of before) await vm.expectFrom(name, new RegExp(`${count + 2} periods`));
});
