// The device tree of a guest is one that dtc has nothing to say against, and holds what Linux asks for.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { bundle } from "../../../abi/bundle.ts";
import { type GuestMachine, guestTree } from "../../../tool/guest-tree.ts";
import { MIB } from "../../../tool/size.ts";

const bare: GuestMachine = {
  memory: 16 * MIB,
  vcpus: 1,
  devices: { uart: true, rtc: true },
  virtio: 0,
  shared: [],
  doorbells: [],
};

const machine: GuestMachine = {
  ...bare,
  memory: 128 * MIB,
  bootargs: "console=ttyAMA0 quiet",
  initrd: { start: 0x4400_0000, size: 0x1234 },
};

const linked: GuestMachine = {
  ...bare,
  shared: [
    { name: "ring", index: 0, ipa: 0x1000_0000, size: 0x3000, readOnly: false },
    { name: "clock", index: 3, ipa: 0x1020_0000, size: 0x1000, readOnly: true },
  ],
  doorbells: [
    { peer: 1, peerName: "two", number: 0 },
    { peer: 4, peerName: "five", number: 2 },
  ],
};

const source = (blob: Buffer): { dts: string; complaints: string } => {
  const { status, stdout, stderr } = spawnSync("dtc", ["-I", "dtb", "-O", "dts", "-"], { input: blob, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return { dts: stdout, complaints: stderr };
};

test("dtc has no complaint", () => {
  assert.equal(source(guestTree(machine)).complaints, "");
  assert.equal(source(guestTree({ ...bare, vcpus: 8 })).complaints, "");
  assert.equal(source(guestTree(linked)).complaints, "");
  assert.equal(source(guestTree({ ...linked, devices: { uart: false, rtc: false }, virtio: 3 })).complaints, "");
});

test("memory, bootargs and initrd are the VM's", () => {
  const { dts } = source(guestTree(machine));
  assert.match(dts, /memory@40000000 \{\s+device_type = "memory";\s+reg = <0x00 0x40000000 0x00 0x8000000>;/);
  assert.match(dts, /bootargs = "console=ttyAMA0 quiet";/);
  assert.match(dts, /linux,initrd-start = <0x00 0x44000000>;\s+linux,initrd-end = <0x00 0x44001234>;/);
});

test("without bootargs and initrd nothing speaks of them", () => {
  assert.doesNotMatch(source(guestTree(bare)).dts, /bootargs|initrd/);
});

test("room for the seeds that the core fills in", () => {
  const { dts } = source(guestTree(machine));
  assert.match(dts, new RegExp(`rng-seed = <${Array(16).fill("0x00").join(" ")}>;`));
  assert.match(dts, /kaslr-seed = <0x00 0x00>;/);
});

test("one redistributor frame and one CPU node for each vCPU", () => {
  const { dts } = source(guestTree({ ...bare, vcpus: 3 }));
  assert.match(dts, /reg = <0x00 0x8000000 0x00 0x10000 0x00 0x80a0000 0x00 0x60000>;/);
  assert.equal(dts.match(/cpu@\d \{/g)?.length, 3);
});

test("a doorbell is a node with its interrupt, rising edges of an SPI, and its peer's name", () => {
  const { dts } = source(guestTree(linked));
  const node = (number: number, spi: string, peer: string): RegExp =>
    new RegExp(
      `doorbell-${number} \\{\\s+compatible = "hyper-lite,doorbell";\\s+interrupts = <0x00 ${spi} 0x01>;\\s+` +
        `hyper-lite,number = <0x0${number}>;\\s+hyper-lite,peer = "${peer}";`,
    );
  assert.match(dts, node(0, "0x04", "two"));
  assert.match(dts, node(1, "0x05", "five"));
});

test("a shared region is reserved memory that the kernel does not map, with its name", () => {
  const { dts } = source(guestTree(linked));
  const properties = (reg: string, label: string): string =>
    `compatible = "hyper-lite,shared-memory";\\s+reg = <${reg}>;\\s+no-map;\\s+label = "${label}";\\s+`;
  assert.match(dts, new RegExp(`shared@10000000 \\{\\s+${properties("0x00 0x10000000 0x00 0x3000", "ring")}\\}`));
  assert.match(
    dts,
    new RegExp(`shared@10200000 \\{\\s+${properties("0x00 0x10200000 0x00 0x1000", "clock")}hyper-lite,read-only;\\s+\\}`),
  );
});

test("a VM alone has neither", () => {
  assert.doesNotMatch(source(guestTree(bare)).dts, /reserved-memory|doorbell/);
});

test("a device that is switched off is not named", () => {
  const without = (devices: GuestMachine["devices"]): string => source(guestTree({ ...bare, devices })).dts;
  assert.doesNotMatch(without({ uart: false, rtc: true }), /pl011|stdout-path/);
  assert.match(without({ uart: false, rtc: true }), /pl031@9010000/);
  assert.doesNotMatch(without({ uart: true, rtc: false }), /pl031/);
  assert.doesNotMatch(without({ uart: false, rtc: false }), /apb-pclk/);
});

test("a virtio transport is a node with its registers and its interrupt", () => {
  const { dts } = source(guestTree({ ...bare, virtio: 2 }));
  const node = (address: string, spi: string): RegExp =>
    new RegExp(
      `virtio_mmio@${address} \\{\\s+compatible = "virtio,mmio";\\s+reg = <0x00 0x${address} 0x00 0x200>;\\s+` +
        `interrupts = <0x00 ${spi} 0x04>;\\s+dma-coherent;`,
    );
  assert.match(dts, node("a000000", "0x10"));
  assert.match(dts, node("a000200", "0x11"));
  assert.doesNotMatch(source(guestTree(bare)).dts, /virtio/);
});

test("it is as small as the core wants it", () => {
  const name = "n".repeat(bundle.MAX_NAME);
  const largest: GuestMachine = {
    ...machine,
    vcpus: bundle.MAX_VCPUS,
    virtio: bundle.MAX_VIRTIO_OF_VM,
    bootargs: "x".repeat(2047),
    shared: Array.from({ length: bundle.MAX_SHARES_OF_VM }, (_, index) => ({ ...linked.shared[1]!, name, ipa: index << 21 })),
    doorbells: Array.from({ length: bundle.MAX_DOORBELLS_OF_VM }, () => ({ peer: 0, peerName: name, number: 0 })),
  };
  assert.ok(guestTree(largest).length < bundle.GUEST_FDT_MAX);
});
