// From the loader to the guest's first instruction, and what a board or a bundle that will not do gets instead: one clear message, and the end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "../../../abi/layout.ts";
import { el1Context } from "../../../abi/sysregs.ts";
import { bundleOf } from "../../../sim/bundles.ts";
import { type CpuModel, cortexA57, extensionControls, future, hasRegister, max } from "../../../sim/cpu-model.ts";
import { Halted, PowerOff } from "../../../sim/faults.ts";
import { BUNDLE_AT, FDT_AT, outputOf, RAM_BASE, type StartOptions, start } from "../../../sim/start.ts";
import { LEFT_BEHIND } from "../../../sim/sysregs.ts";
import { MIB } from "../../../tool/size.ts";
import { shown } from "./log-lines.ts";

test("a guest starts as Linux expects: x0 is its device tree, everything else is zero, EL1h with interrupts masked", () => {
  const guest = start();
  assert.equal(guest.x(0), BigInt(RAM_BASE));
  for (let n = 1; n < 31; n++) assert.equal(guest.x(n), 0n, `x${n}`);
  assert.equal(guest.pc, BigInt(RAM_BASE + 0x8_0000));
  assert.equal(guest.pstate, 0x3c5n);
});

test("nothing that was in the CPU before is the guest's", () => {
  const guest = start();
  for (const name of el1Context) {
    const expected = name === "SCTLR_EL1" ? 0x30d0_0800n : 0n;
    assert.equal(guest.sysreg(name), expected, name);
  }
  guest.useFp();
  assert.deepEqual(new Set(guest.machine.vectors), new Set([0n]));
  assert.notEqual(guest.machine.vectors[0], LEFT_BEHIND);
});

test("the run is announced in two lines", () => {
  const output = shown(start({ vm: { name: "linux", memory: 64 * MIB } }).machine.uart.output);
  assert.match(output, /^<6>\[ {4}0\.000000\] cpu0 main: Hyper-LITE, CPUs: 1, RAM for VMs: 192 MiB\r\n/);
  assert.match(output, /<6>\[ {4}0\.000000\] cpu0 vm0 vm: linux starts, 64 MiB, CPUs: 1\r\n$/);
});

test("a CPU that has everything boots as well", () => {
  assert.equal(start({ machine: { cpu: max } }).hvc(0x8400_0000n), 0x1_0001n);
});

const mpamFrac: CpuModel = { ...cortexA57, id: { ...cortexA57.id, ID_AA64PFR1_EL1: 1n << 16n } };
for (const [name, cpu] of Object.entries({ "cortex-a57": cortexA57, max, future, "a minor version of MPAM": mpamFrac })) {
  test(`no control of an extension is left as the reset made it: ${name}`, () => {
    const guest = start({ machine: { cpu } });
    for (const register of Object.keys(extensionControls)) {
      if (!hasRegister(cpu, register)) continue;
      const expected = register === "MPAM2_EL2" ? 3n << 48n : 0n;
      assert.equal(guest.sysreg(register), expected, register);
    }
    assert.equal(guest.sysreg("MDSCR_EL1"), 0n);
  });
}

/** What a run that must not reach a guest says last. */
const lastWords = (options: StartOptions): string => {
  const { output, thrown } = outputOf(options, () => assert.fail("a guest was started"));
  assert.ok(thrown instanceof PowerOff, String(thrown));
  const lines = shown(output).trimEnd().split("\r\n");
  assert.equal(lines.filter((line) => line.includes("halted:")).length, 1, output);
  return lines.at(-1) ?? "";
};

const withSize = (bytes: number): StartOptions => ({ machine: { banks: [{ base: 0x4000_0000, size: bytes }] } });
const withBundle = (change: (bundle: Buffer) => void): StartOptions => {
  const bundle = bundleOf();
  change(bundle);
  return { bundle };
};

const refusals: Record<string, [StartOptions, RegExp]> = {
  "no bundle": [
    { board: { initrd: undefined } },
    /no bundle: the loader gave no initrd \(build one with `hyper-lite build`; QEMU: -initrd\)$/,
  ],
  "an empty initrd": [{ board: { initrd: { start: BUNDLE_AT, end: BUNDLE_AT } } }, /no bundle: the loader gave no initrd/],
  "an initrd that ends before it starts": [{ board: { initrd: { start: BUNDLE_AT, end: BUNDLE_AT - 1 } } }, /no bundle/],
  "an initrd that is no bundle": [
    { bundle: Buffer.from("070701 a cpio archive".padEnd(4096)) },
    /no bundle at 0x4a000000, where the loader says it is/,
  ],
  "an initrd that does not lie in RAM": [
    { board: { initrd: { start: 0x6000_0000, end: 0x6100_0000 } } },
    /no bundle: the initrd at 0x60000000 does not lie in RAM/,
  ],
  "an initrd that ends behind the RAM": [
    { board: { initrd: { start: BUNDLE_AT, end: 0x6000_0000 } } },
    /no bundle: the initrd at 0x4a000000 does not lie in RAM/,
  ],
  "an initrd in the hypervisor's own memory": [
    { board: { initrd: { start: 0x4100_0000, end: 0x4200_0000 } } },
    /no bundle: the initrd at 0x41000000 does not lie in RAM/,
  ],
  "an initrd that is not at a page": [
    { board: { initrd: { start: BUNDLE_AT + 8, end: BUNDLE_AT + 4096 } } },
    /no bundle: the initrd at 0x4a000008 does not lie in RAM, at a page/,
  ],
  "a truncated bundle": [
    { board: { initrd: { start: BUNDLE_AT, end: BUNDLE_AT + 0x10_0000 } } },
    /the bundle is truncated: it says \d+ bytes, 1048576 are there$/,
  ],
  "a bundle cut off within its manifest": [
    { board: { initrd: { start: BUNDLE_AT, end: BUNDLE_AT + 200 } } },
    /no bundle at 0x4a000000, where the loader says/,
  ],
  "a bundle with another version": [
    withBundle((bundle) => bundle.write("bundle-1", bundle.indexOf("bundle-2"))),
    /no bundle at 0x4a000000, where the loader says it is/,
  ],
  "a GICv2 board": [
    { board: { gic: "v2" } },
    /this board has a GICv2, Hyper-LITE needs a GICv3 \(QEMU: -machine virt,gic-version=3\)$/,
  ],
  "a board without a GIC": [{ board: { gic: "none" } }, /the device tree names no GICv3/],
  "a board without timers": [
    { board: { timer: false } },
    /names no virtual timer, no timer for EL2, or no maintenance interrupt$/,
  ],
  "a board without a maintenance interrupt": [{ board: { maintenance: false } }, /no maintenance interrupt$/],
  "a board without RAM": [{ board: { banks: [] } }, /the device tree names no RAM$/],
  "too little RAM": [withSize(0xf00_0000), /too little RAM: the board has 240 MiB, Hyper-LITE needs 256 \(QEMU: -m\)$/],
  "RAM in pieces, the first too small for the hypervisor": [
    {
      board: {
        banks: [
          { base: 0x4000_0000, size: 48 * MIB },
          { base: 0x4400_0000, size: 256 * MIB },
        ],
      },
    },
    /the 64 MiB from 0x40000000, where RAM starts, must be RAM in one piece: Hyper-LITE lives there$/,
  ],
  "more reserved memory than can be kept": [
    { board: { reserve: Array.from({ length: 200 }, (_, n) => ({ base: 0x4800_0000 + 4096 * n, size: 4096 })) } },
    /the device tree reserves 128 ranges of memory or more, too many to keep from guests$/,
  ],
  "one list register": [
    { machine: { cpu: { ...cortexA57, listRegisters: 1 } } },
    /this CPU's GIC has one list register, Hyper-LITE needs two$/,
  ],
  "timers that are SPIs": [{ board: { specifiers: { virtualTimer: [0, 11] } } }, /names no virtual timer/],
  "a timer beyond the PPIs": [
    { board: { specifiers: { hypervisorTimer: [1, 16] } } },
    /names no virtual timer, no timer for EL2/,
  ],
  "a maintenance interrupt beyond the PPIs": [
    { board: { specifiers: { maintenance: [1, 0xffff_fff0] } } },
    /no maintenance interrupt$/,
  ],
  "interrupts of two cells": [{ board: { interruptCells: 2 } }, /names no virtual timer/],
  "no region of redistributors": [{ board: { redistributorRegions: 0 } }, /the device tree names no GICv3/],
  "a VM larger than the board": [{ vm: { memory: 256 * MIB } }, /too little RAM: guest wants 256 MiB, \d+ MiB are free$/],
  "no device tree": [{ fdtAt: 0n }, /no device tree at 0x0: the loader gives its address in x0$/],
  "a device tree beyond what EL2 maps": [{ fdtAt: BigInt(layout.PHYS_LIMIT) }, /no device tree at 0x200000000000: /],
  "a device tree at the end of addresses": [{ fdtAt: 0xffff_ffff_ffff_f000n }, /no device tree at 0xfffffffffffff000: /],
  "a device tree at an odd address": [{ fdtAt: BigInt(FDT_AT + 4) }, /no device tree at 0x48000004: /],
  "a device tree that is none": [{ fdt: Buffer.alloc(64) }, /the device tree at 0x48000000 is malformed$/],
  "a truncated device tree": [{ fdt: Buffer.from("d00dfeed00000020", "hex") }, /the device tree at 0x48000000 is malformed$/],
  "an image outside the first 64 MiB": [
    { machine: { imageStart: 0x4400_0000 } },
    /loaded at 0x44000000, but the image must lie in the first 64 MiB of RAM, which starts at 0x40000000$/,
  ],
};

for (const [name, [options, message]] of Object.entries(refusals)) {
  test(`refused with one message: ${name}`, () => {
    assert.match(lastWords(options), message);
    assert.match(lastWords(options), /^<0>\[ {4}0\.000000\] halted: crash /);
  });
}

test("a board whose firmware cannot switch it off is halted after the message", () => {
  const { output, thrown } = outputOf({ board: { psci: false, initrd: undefined } }, () => assert.fail("a guest was started"));
  assert.ok(thrown instanceof Halted, String(thrown));
  assert.match(shown(output), /halted: crash no bundle.*\r\n$/);
});

test("a UART that the board does not have: no output, and the guest runs", () => {
  const guest = start({ board: { uart: false, psci: false } });
  assert.equal(guest.machine.uart.output, "");
  assert.equal(guest.hvc(0x8400_0000n), 0x1_0001n);
});
