// What the core reads from a board's device tree: RAM in any number of banks, redistributors, interrupts; and the way in through our own EL3.

import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "../../../abi/layout.ts";
import { boardTree } from "../../../sim/board.ts";
import { PowerOff } from "../../../sim/faults.ts";
import { Guest } from "../../../sim/guest.ts";
import { DEFAULT_BANKS, Machine } from "../../../sim/machine.ts";
import { bundleOf, outputOf, start } from "../../../sim/start.ts";
import { fdtNode } from "../../../tool/fdt.ts";
import { shown } from "./log-lines.ts";

test("CPUs and RAM are counted as the tree has them", () => {
  const banks = [...DEFAULT_BANKS, { base: 0x8000_0000, size: 0x800_0000 }];
  const { output } = start({ machine: { banks }, board: { cpus: 3 } }).machine.uart;
  assert.match(output, /Hyper-LITE: 3 CPUs, 320 MiB of RAM for VMs/);
});

test("RAM that is disabled, or the secure state's, is none", () => {
  const more = ["disabled", "fail"].map((status, n) =>
    fdtNode(`secram@${n}`, { device_type: "memory", status, reg: [BigInt(0x8000_0000 + 0x1000_0000 * n), 0x100_0000n] }),
  );
  assert.match(start({ board: { more } }).machine.uart.output, /192 MiB of RAM/);
});

test("a CPU finds its redistributor among others, behind its affinity", () => {
  const redistributors = [0n, 1n, 0x0100_0002n, 3n];
  const guest = start({ machine: { mpidr: 0x01_8000_0002n, redistributors } });
  guest.machine.timer.virtual.control = 1;
  guest.poll();
  assert.ok(guest.machine.interrupts.isActive(27));
});

test("no redistributor for this CPU: one message, though no redistributor says that it is the last", () => {
  for (const endlessRedistributors of [false, true]) {
    const machine = { redistributors: Array.from({ length: 123 }, (_, n) => BigInt(n + 1)), endlessRedistributors };
    const { output, thrown } = outputOf({ machine }, () => assert.fail("a guest was started"));
    assert.ok(thrown instanceof PowerOff, String(thrown));
    assert.match(shown(output), /halted: crash this CPU has no redistributor in the device tree's regions\r\n$/);
  }
});

test("from our own EL3: the tree lies at the base of RAM, the bundle where the ROM expects it", () => {
  const machine = new Machine();
  machine.ram.writeBytes(0x4000_0000, boardTree({ banks: DEFAULT_BANKS, psci: false }));
  machine.ram.writeBytes(layout.ROM_BUNDLE, bundleOf());
  const guest = new Guest(machine, machine.core.boot(0x4000_0000n, 1n));
  assert.throws(() => guest.hvc(0x8400_0008n), PowerOff, "firmware can switch off, though no tree says so");
});

test("from our own EL3 without a bundle: one message", () => {
  const machine = new Machine();
  machine.ram.writeBytes(0x4000_0000, boardTree({ banks: DEFAULT_BANKS }));
  assert.throws(() => machine.core.boot(0x4000_0000n, 1n), PowerOff);
  assert.match(
    shown(machine.uart.output),
    /halted: crash no bundle at 0x48000000, where the loader says it is or the ROM expects it/,
  );
});

test("scrubbing at boot: what was in RAM is gone; without it, only what is loaded is written", () => {
  for (const scrubAtBoot of [true, false]) {
    const options = { vm: { scrubAtBoot } };
    const machine = new Machine();
    const bundle = bundleOf(options.vm);
    machine.ram.writeBytes(
      0x4800_0000,
      boardTree({ banks: DEFAULT_BANKS, initrd: { start: 0x4a00_0000, end: 0x4a00_0000 + bundle.length } }),
    );
    machine.ram.writeBytes(0x4a00_0000, bundle);
    machine.ram.writeBytes(0x4490_0000, Buffer.from("left by whoever was here"));
    const guest = new Guest(machine, machine.core.boot(0x4800_0000n, 0n));
    assert.equal(guest.load(0x4090_0000, { bytes: 1 }) === 0n, scrubAtBoot);
  }
});

test("nothing of the board's seed is left to a VM that gets the memory it was in, nor in the caches above it", () => {
  for (const seedBytes of [32, 33, 39, 64]) {
    const guest = start({ board: { seedBytes }, vm: { memory: 80 * 2 ** 20, scrubAtBoot: false } });
    const tree = Buffer.from(guest.memory(0x4400_0000, 0x2000));
    assert.ok(tree.includes("linux,dummy-virt"), "the tree itself is there");
    const seed = Buffer.from(Uint8Array.from({ length: seedBytes }, (_, n) => (n * 37 + 11) & 0xff));
    for (const at of [0, 8, seedBytes - 5])
      assert.equal(tree.indexOf(seed.subarray(at, at + 5)), -1, `byte ${at} of ${seedBytes}`);
  }
});
