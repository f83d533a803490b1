// What the core reads from a board's device tree: RAM in any number of banks, redistributors, interrupts; and the way in through our own EL3.

import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "../../../abi/layout.ts";
import { boardTree } from "../../../sim/board.ts";
import { bundleOf } from "../../../sim/bundles.ts";
import { PowerOff } from "../../../sim/faults.ts";
import { DEFAULT_BANKS, Machine } from "../../../sim/machine.ts";
import { BUNDLE_AT, boot, load, outputOf, RAM_BASE, type StartOptions, start, startSystem } from "../../../sim/start.ts";
import { fdtNode } from "../../../tool/fdt.ts";
import { MIB } from "../../../tool/size.ts";
import { shown } from "./log-lines.ts";

test("CPUs and RAM are counted as the tree has them", () => {
  const banks = [...DEFAULT_BANKS, { base: 0x8000_0000, size: 0x800_0000 }];
  const { output } = start({ machine: { banks }, board: { cpus: 3 } }).machine.uart;
  assert.match(output, /Hyper-LITE, CPUs: 3, RAM for VMs: 320 MiB/);
});

test("RAM that is disabled, or the secure state's, is none", () => {
  const more = ["disabled", "fail"].map((status, n) =>
    fdtNode(`secram@${n}`, { device_type: "memory", status, reg: [BigInt(0x8000_0000 + 0x1000_0000 * n), 0x100_0000n] }),
  );
  assert.match(start({ board: { more } }).machine.uart.output, /RAM for VMs: 192 MiB/);
});

test("a CPU finds its redistributor among others, behind its affinity", () => {
  const redistributors = [0n, 1n, 0x0100_0002n, 3n];
  const guest = start({ machine: { mpidrs: [0x01_8000_0002n], redistributors } });
  guest.machine.timer.virtual.control = 1;
  guest.poll();
  assert.ok(guest.machine.interrupts.isActive(27));
});

test("CPUs whose affinities begin elsewhere than at 0: those that the tree names are started, and no others", () => {
  const mpidrs = [0x8000_0100n, 0x8000_0101n];
  const machine = startSystem({ machine: { mpidrs }, vms: [{}, {}] });
  assert.ok(mpidrs.every((_, n) => machine.cpu(n).guest !== undefined));
  assert.doesNotMatch(machine.uart.output, /does not start/);
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
  const guest = boot(machine, { fdtAt: 0x4000_0000n, flags: 1n });
  assert.throws(() => guest.hvc(0x8400_0008n), PowerOff, "firmware can switch off, though no tree says so");
});

test("from our own EL3 without a bundle: one message", () => {
  const machine = new Machine();
  machine.ram.writeBytes(0x4000_0000, boardTree({ banks: DEFAULT_BANKS }));
  assert.throws(() => machine.run.boot(0x4000_0000n, 1n), PowerOff);
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
    // The VM's RAM starts at 0x44200000, behind the page of stolen time.
    machine.ram.writeBytes(0x4490_0000, Buffer.from("left by whoever was here"));
    const guest = boot(machine, { fdtAt: 0x4800_0000n });
    assert.equal(guest.load(0x4070_0000, { bytes: 1 }) === 0n, scrubAtBoot);
  }
});

test("nothing of the board's seed is left to a VM that gets the memory it was in, nor in the caches above it", () => {
  for (const seedBytes of [32, 33, 39, 64]) {
    const guest = start({ board: { seedBytes }, vm: { memory: 80 * 2 ** 20, scrubAtBoot: false } });
    const tree = Buffer.from(guest.memory(0x43e0_0000, 0x2000));
    assert.ok(tree.includes("linux,dummy-virt"), "the tree itself is there");
    const seed = Buffer.from(Uint8Array.from({ length: seedBytes }, (_, n) => (n * 37 + 11) & 0xff));
    for (const at of [0, 8, seedBytes - 5])
      assert.equal(tree.indexOf(seed.subarray(at, at + 5)), -1, `byte ${at} of ${seedBytes}`);
  }
});

test("what goes wrong is said on the UART that the tree names, wherever it is", () => {
  const options: StartOptions = { machine: { uartAt: 0x0a00_0000 }, board: { uart: 0x0a00_0000, banks: [] } };
  const { output, thrown } = outputOf(options, () => assert.fail("a guest was started"));
  assert.ok(thrown instanceof PowerOff, String(thrown));
  assert.match(shown(output), /halted: crash the device tree names no RAM/);
});

test("interrupts of four cells", () => {
  const guest = start({ board: { interruptCells: 4 } });
  guest.machine.timer.virtual.control = 1;
  guest.poll();
  assert.ok(guest.machine.interrupts.isActive(27));
  for (const intid of [25, 26, 27, 33]) assert.ok(guest.machine.interrupts.isEnabled(intid), `interrupt ${intid}`);
});

test("a UART whose interrupt is no SPI has none, which is said", () => {
  for (const uart of [
    [1, 1],
    [0, 988],
    [2, 1],
    [0, 0xffff_fff0],
  ] as const) {
    const guest = start({ board: { specifiers: { uart } } });
    assert.match(shown(guest.machine.uart.output), /<4>\[.*the device tree names no SPI of the UART/);
    assert.equal(guest.machine.interrupts.isEnabled(33), false);
  }
});

test("what follows the redistributors in the GIC's node is left alone", () => {
  const moreRegions = [0x0801_0000, 0x0803_0000].map((base) => ({ base, size: 0x2_0000 }));
  // None of the redistributors that are there is this CPU's: it would be looked for behind them.
  const options: StartOptions = { machine: { redistributors: [1n] }, board: { moreRegions } };
  const { output, thrown } = outputOf(options, () => assert.fail("a guest was started"));
  assert.ok(thrown instanceof PowerOff, String(thrown));
  assert.match(shown(output), /no redistributor in the device tree's regions/);
});

test("nothing that firmware has left in the GIC comes through", () => {
  const machine = load({});
  const { interrupts } = machine;
  const distributor = interrupts.distributor(0);
  const redistributor = interrupts.redistributors(0);
  const bits = (1n << 32n) - 1n;
  distributor.write(0, 4, 0x10n);
  distributor.write(0, 4, 0x12n);
  redistributor.write(0x14, 4, 0n);
  // A PPI that is active, and its priority runs; every SPI is enabled, the UART's is active.
  redistributor.write(0x1_0080, 4, bits);
  redistributor.write(0x1_0100, 4, 1n << 30n);
  machine.cpu(0).interface.writeSre(7n);
  machine.cpu(0).interface.writePmr(0xffn);
  machine.cpu(0).interface.writeIgrpen1(1n);
  interrupts.pulse(30);
  assert.equal(machine.cpu(0).interface.acknowledge(), 30n);
  redistributor.write(0x1_0300, 4, 1n << 27n);
  for (let word = 1; word < 9; word++) {
    distributor.write(0x80 + 4 * word, 4, bits);
    distributor.write(0x100 + 4 * word, 4, bits);
  }
  distributor.write(0x304, 4, 2n);
  interrupts.connect(40, () => true);

  const guest = boot(machine);
  assert.doesNotMatch(machine.uart.output, /nobody asked for/);
  for (let intid = 0; intid < 288; intid++) {
    assert.equal(interrupts.isEnabled(intid), [0, 25, 26, 27, 33].includes(intid), `interrupt ${intid} is enabled`);
    assert.equal(interrupts.isActive(intid), false, `interrupt ${intid} is active`);
  }
  machine.timer.virtual.control = 1;
  guest.poll();
  assert.ok(interrupts.isActive(27), "our own come");
});

/** Where the RAM of a VM of most of the board lies, as physical addresses. */
const outputs = (options: StartOptions): [number, number][] =>
  start({ vm: { memory: 128 * MIB, scrubAtBoot: false }, ...options })
    .leaves.filter(({ input }) => input >= RAM_BASE)
    .map(({ output, size }) => [output, output + size]);

test("memory that the tree reserves is nobody's, be it /memreserve/ or /reserved-memory", () => {
  const banks = [{ base: 0x4000_0000, size: 512 * MIB }];
  const child = (base: number, properties = {}) =>
    fdtNode(`firmware@${base.toString(16)}`, { reg: [BigInt(base), 0x3000n], ...properties });
  const more = [
    fdtNode("reserved-memory", { "#address-cells": 2, "#size-cells": 2, ranges: true }, [
      child(0x5000_1000, { "no-map": true }),
      // One to be placed by an operating system, one that is not there.
      fdtNode("linux,cma", { size: 0x100_0000n, reusable: true }),
      child(0x5400_0000, { status: "disabled" }),
    ]),
  ];
  const reserve = [
    { base: 0x4dff_f000, size: 0x2000 },
    { base: 0x6000_0000, size: 2 ** 52 },
  ];
  const machine = { banks };
  // The bundle lies at 0x4a000000; what is free in a row starts behind it.
  const lowest = (board: StartOptions["board"]): number =>
    Math.min(...outputs({ machine, board: board ?? {} }).map(([from]) => from));
  assert.equal(lowest({}), 0x4a60_0000);
  assert.equal(lowest({ reserve }), 0x4e20_0000);
  assert.equal(lowest({ reserve, more }), 0x5020_0000);
  assert.match(
    start({ machine, board: { reserve: [{ base: 0x4000_0000, size: 0x1000 }] } }).machine.uart.output,
    /<4>\[.*the reserved memory at 0x40000000 lies in the hypervisor's own 64 MiB/,
  );
});

test("a bundle in reserved memory is used all the same", () => {
  const reserve = [{ base: BUNDLE_AT, size: 64 * MIB }];
  assert.equal(start({ board: { reserve } }).hvc(0x8400_0000n), 0x1_0001n);
});
