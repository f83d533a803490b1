// The device tree of a guest is one that dtc has nothing to say against, and holds what Linux asks for.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { bundle } from "../../../abi/bundle.ts";
import { guestTree } from "../../../tool/guest-tree.ts";
import { MIB } from "../../../tool/size.ts";

const machine = {
  memory: 128 * MIB,
  vcpus: 1,
  bootargs: "console=ttyAMA0 quiet",
  initrd: { start: 0x4400_0000, size: 0x1234 },
};

const source = (blob: Buffer): { dts: string; complaints: string } => {
  const { status, stdout, stderr } = spawnSync("dtc", ["-I", "dtb", "-O", "dts", "-"], { input: blob, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return { dts: stdout, complaints: stderr };
};

test("dtc has no complaint", () => {
  assert.equal(source(guestTree(machine)).complaints, "");
  assert.equal(source(guestTree({ memory: 16 * MIB, vcpus: 4 })).complaints, "");
});

test("memory, bootargs and initrd are the VM's", () => {
  const { dts } = source(guestTree(machine));
  assert.match(dts, /memory@40000000 \{\s+device_type = "memory";\s+reg = <0x00 0x40000000 0x00 0x8000000>;/);
  assert.match(dts, /bootargs = "console=ttyAMA0 quiet";/);
  assert.match(dts, /linux,initrd-start = <0x00 0x44000000>;\s+linux,initrd-end = <0x00 0x44001234>;/);
});

test("without bootargs and initrd nothing speaks of them", () => {
  assert.doesNotMatch(source(guestTree({ memory: 16 * MIB, vcpus: 1 })).dts, /bootargs|initrd/);
});

test("room for the seeds that the core fills in", () => {
  const { dts } = source(guestTree(machine));
  assert.match(dts, new RegExp(`rng-seed = <${Array(16).fill("0x00").join(" ")}>;`));
  assert.match(dts, /kaslr-seed = <0x00 0x00>;/);
});

test("one redistributor frame and one CPU node for each vCPU", () => {
  const { dts } = source(guestTree({ memory: 16 * MIB, vcpus: 3 }));
  assert.match(dts, /reg = <0x00 0x8000000 0x00 0x10000 0x00 0x80a0000 0x00 0x60000>;/);
  assert.equal(dts.match(/cpu@\d \{/g)?.length, 3);
});

test("it is as small as the core wants it", () => {
  assert.ok(guestTree({ ...machine, bootargs: "x".repeat(2047) }).length < bundle.GUEST_FDT_MAX);
});
