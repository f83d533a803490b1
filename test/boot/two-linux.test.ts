// Linux VMs side by side: each computes the right thing whatever happens to the others, takes its CPUs off and on, and sees the time that it waited for.
// The long ones count instructions: QEMU then takes one thread, and beside another test no CPU waits for one that the host has stopped.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { SystemConfig, VmConfig } from "../../tool/config.ts";
import { boot } from "./expect.ts";

const MIB = 0x10_0000;
/** What guests/linux/sha256.c says of so many MiB of zeros. */
const digest = (mebibytes: number): string => {
  const hash = createHash("sha256");
  for (let n = 0; n < mebibytes; n++) hash.update(Buffer.alloc(MIB));
  return hash.digest("hex");
};
const command = (mebibytes: number): string => `dd if=/dev/zero bs=1M count=${mebibytes} 2>/dev/null | sha256`;

const linux = (name: string, script: string): VmConfig => ({
  name,
  memory: "96M",
  vcpus: 2,
  kernel: { debian: "linux-6.1" },
  initrd: { busybox: { programs: { sha256: "linux/sha256" }, command: script } },
  bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
});

test("two Linux VMs of two vCPUs compute the same 256 MiB at once on two CPUs", async () => {
  const script = `${command(256)}; poweroff -f`;
  const system: SystemConfig = { name: "two", board: { cpus: 2 }, vms: [linux("one", script), linux("two", script)] };
  await using vm = await boot({ system, icount: true });
  for (const name of ["one", "two"]) await vm.expectFrom(name, /a busybox shell/);
  for (const name of ["one", "two"]) assert.doesNotMatch(vm.of(name), /[0-9a-f]{64}/, "both are at it");
  const end = await vm.end();
  for (const name of ["one", "two"]) assert.ok(end.of(name).includes(digest(256)), end.of(name));
  assert.equal(end.halted?.off, true);
});

test("what is done to other VMs changes nothing for one", async () => {
  const controller: VmConfig = {
    name: "controller",
    memory: "16M",
    priority: 20,
    kernel: "controller.bin",
    controller: true,
    bootargs: "run=disturb watched=3",
  };
  const system: SystemConfig = {
    name: "disturbed",
    board: { cpus: 2 },
    vms: [
      controller,
      linux("victim", "while :; do :; done"),
      { name: "crasher", memory: "16M", kernel: "crash.bin", crashPolicy: "reset" },
      linux("worker", `${command(32)}; poweroff -f`),
    ],
  };
  await using vm = await boot({ system, icount: true });
  await vm.expectFrom("worker", new RegExp(digest(32)));
  await vm.expectFrom("controller", /ok disturbed/);
  const end = await vm.end();
  assert.equal(end.halted?.off, true);
  assert.ok((end.of("crasher").match(/crash: goodbye/g) ?? []).length > 1, "the crasher crashed again and again");
});

test("Linux takes a CPU off and on, and sees stolen time", async () => {
  const online = "/sys/devices/system/cpu/cpu1/online";
  const script = [
    `echo 0 > ${online} && echo off $(nproc)`,
    `echo 1 > ${online} && echo on $(nproc)`,
    "sha256sum /bin/busybox /bin/busybox /bin/busybox >/tmp/sums",
    "set -- $(head -1 /proc/stat); echo stolen $9",
    "poweroff -f",
  ].join("; ");
  const other = linux("other", "sleep 1; while :; do :; done");
  await using vm = await boot({ system: { name: "hotplug", vms: [linux("linux", script), other] } });
  await vm.expectFrom("linux", /^off 1\r?$/m);
  await vm.expectFrom("linux", /^on 2\r?$/m);
  const [, stolen] = await vm.expectFrom("linux", /^stolen (\d+)/m);
  assert.ok(Number(stolen) > 0, "no time was stolen");
});
