// Boards that nobody has on his desk: hardware that takes its time, redistributors with frames for virtual LPIs, device trees with nodes that mean
// nothing to the core, and what a board has too much of.

import assert from "node:assert/strict";
import { test } from "node:test";
import { layout } from "../../../abi/layout.ts";
import { PowerOff } from "../../../sim/faults.ts";
import type { Hal } from "../../../sim/hal.ts";
import { DEFAULT_BANKS, DISTRIBUTOR, REDISTRIBUTORS } from "../../../sim/machine.ts";
import { boot, FDT_AT, load, outputOf, type StartOptions, start, startSystem } from "../../../sim/start.ts";
import { type FdtNode, fdtNode } from "../../../tool/fdt.ts";
import { shown } from "./log-lines.ts";

const RWP_SHARED = 1 << 31;
const RWP_PRIVATE = 1 << 3;
const CHILDREN_ASLEEP = 4;
const GICR_WAKER = 0x14;
const GICR_TYPER = 0x08;
const GICR_STRIDE = 0x2_0000;
const VLPIS = 2n;

type Read32 = (pa: bigint) => number;
type Read64 = (pa: bigint) => bigint;
type Write = (pa: bigint, value: never) => void;

/** A HAL whose device registers are read and written by way of a test. */
const withDevices =
  (
    change: (mmio: { read32: Read32; read64: Read64; write32: Write; write64: Write; write8: Write }) => Record<string, unknown>,
  ) =>
  (hal: Hal): Hal => ({ ...hal, mmio: { ...hal.mmio, ...change(hal.mmio as never) } as never });

const booted = (options: StartOptions): string => start(options).machine.uart.output;
/** What a run says that ends before a guest runs. */
const lastLine = (options: StartOptions): string => {
  const { output, thrown } = outputOf(options, () => assert.fail("a guest was started"));
  assert.ok(thrown instanceof PowerOff, String(thrown));
  return shown(output).trimEnd().split("\r\n").at(-1) ?? "";
};

test("a GIC that takes its time is waited for: no write comes before the one before it has taken effect", () => {
  const waits = new Map<number, number>();
  let early = 0;
  let busy = { shared: 0, private: 0, waker: 3 };
  const wrapHal = withDevices(({ read32, write32 }) => ({
    read32: (pa: bigint) => {
      const at = Number(pa);
      const value = read32(pa);
      const kind =
        at === DISTRIBUTOR
          ? "shared"
          : at === REDISTRIBUTORS
            ? "private"
            : at === REDISTRIBUTORS + GICR_WAKER
              ? "waker"
              : undefined;
      if (kind === undefined || busy[kind] === 0) return value;
      busy = { ...busy, [kind]: busy[kind] - 1 };
      waits.set(at, (waits.get(at) ?? 0) + 1);
      return value | { shared: RWP_SHARED, private: RWP_PRIVATE, waker: CHILDREN_ASLEEP }[kind];
    },
    write32: (pa: bigint, value: never) => {
      const at = Number(pa);
      write32(pa, value);
      const isEnable = at >= DISTRIBUTOR + 0x180 && at < DISTRIBUTOR + 0x200;
      if (at === DISTRIBUTOR) {
        if (busy.shared > 0) early++;
        busy = { ...busy, shared: 3 };
      } else if (isEnable) busy = { ...busy, shared: 3 };
      else if (at === REDISTRIBUTORS + 0x1_0180) busy = { ...busy, private: 3 };
    },
  }));
  const guest = start({ machine: { wrapHal } });
  assert.equal(early, 0);
  for (const at of [DISTRIBUTOR, REDISTRIBUTORS, REDISTRIBUTORS + GICR_WAKER])
    assert.ok((waits.get(at) ?? 0) >= 3, `0x${at.toString(16)}`);
  guest.machine.timer.virtual.control = 1;
  guest.poll();
  assert.ok(guest.machine.interrupts.isActive(27));
});

test("redistributors with frames for virtual LPIs lie twice as far apart", () => {
  // The board's frames of the second and third CPU are moved away; each says that it has two frames more.
  const moved = (pa: bigint): bigint => {
    const offset = Number(pa) - REDISTRIBUTORS;
    if (offset < 0 || offset >= 0x40 * GICR_STRIDE) return pa;
    const [n, inside] = [Math.floor(offset / GICR_STRIDE), offset % GICR_STRIDE];
    assert.equal(n % 2, 0, "frames for virtual LPIs are left alone");
    return BigInt(REDISTRIBUTORS + (n / 2) * GICR_STRIDE + inside);
  };
  const wrapHal = withDevices(({ read32, read64, write32, write64, write8 }) => ({
    read32: (pa: bigint) => read32(moved(pa)),
    read64: (pa: bigint) => read64(moved(pa)) | (moved(pa) !== pa || Number(pa) === REDISTRIBUTORS + GICR_TYPER ? VLPIS : 0n),
    write32: (pa: bigint, value: never) => write32(moved(pa), value),
    write64: (pa: bigint, value: never) => write64(moved(pa), value),
    write8: (pa: bigint, value: never) => write8(moved(pa), value),
  }));
  const machine = startSystem({ cpus: 3, vms: [{}, {}, {}], machine: { wrapHal } });
  assert.equal(machine.cpus.filter((cpu) => cpu.vcpu !== 0).length, 3);
});

test("of more CPUs than eight, eight are used", () => {
  const machine = startSystem({ cpus: 10, vms: [{}] });
  assert.match(machine.uart.output, /of 10 CPUs 8 are used/);
  const { guest } = machine.cpu(0);
  assert.ok(guest !== undefined);
  assert.equal(guest.hvc(0xc600_0004n, 4n), 0n);
  assert.equal(guest.x(1), 8n);
});

test("a CPU without a redistributor of its own ends the run", () => {
  assert.throws(() => startSystem({ cpus: 2, vms: [{}], machine: { redistributors: [0n, 7n] } }), PowerOff);
});

// --- device trees

const bus = (addressCells: number, sizeCells: number, children: FdtNode[]): FdtNode =>
  fdtNode("bus", { compatible: "simple-bus", "#address-cells": addressCells, "#size-cells": sizeCells, ranges: true }, children);
const pl011 = (name: string, properties: Record<string, unknown>): FdtNode =>
  fdtNode(name, { compatible: "arm,pl011", ...properties } as never);

test("RAM that is empty, or wraps around, is none", () => {
  const more = [
    fdtNode("memory@1", { device_type: "memory", reg: [0x8000_0000n, 0n, 0xffff_ffff_0000_0000n, 0xffff_ffff_ffffn] }),
    fdtNode("memory@2", { device_type: "memory" }),
    fdtNode("memory@3", { device_type: "memory", reg: [0x9000_0000n] }),
  ];
  assert.match(booted({ board: { more } }), /RAM for VMs: 192 MiB/);
});

test("devices at addresses of no width, or of more than 64 bits, are not there", () => {
  for (const [addressCells, sizeCells] of [
    [0, 1],
    [3, 2],
    [2, 0],
    [2, 3],
    [16, 2],
    [2, 16],
  ] as const) {
    const more = [bus(addressCells, sizeCells, [pl011("uart@1", { reg: [0, 0, 0x0900_0000, 0, 0x1000, 0, 0, 0] })])];
    const guest = start({ board: { uart: false, psci: true, more } });
    assert.equal(guest.machine.uart.output, "", `${addressCells} and ${sizeCells} cells`);
  }
});

test("a bus that does not say how wide its addresses are has two cells and one", () => {
  const bare = fdtNode("bus", { compatible: "simple-bus", ranges: true }, [pl011("uart@1", { reg: [0, 0x0900_0000, 0x1000] })]);
  assert.match(booted({ board: { uart: false, more: [bare] } }), /Hyper-LITE, CPUs: 1/);
});

test("of two UARTs the first is used, and one that is nowhere is none", () => {
  const nowhere = pl011("uart@1", {});
  const second = pl011("uart@2", { reg: [0n, 0x0900_0000n] });
  const first = pl011("uart@3", { reg: [0x0900_0000n, 0x1000n] });
  assert.match(booted({ board: { uart: false, more: [nowhere, second, first] } }), /Hyper-LITE, CPUs: 1/);
  const other = pl011("uart@9010000", { reg: [0x0b00_0000n, 0x1000n] });
  assert.match(booted({ board: { more: [other] } }), /Hyper-LITE, CPUs: 1/);
});

test("an interrupt controller of another kind is not taken for the GIC, and a GICv2 beside a GICv3 is left alone", () => {
  const pic = fdtNode("pic", { "interrupt-controller": true, compatible: "some,pic", reg: [0x0c00_0000n, 0x1000n] });
  const old = fdtNode("gic400", { "interrupt-controller": true, compatible: "arm,gic-400", reg: [0x0c00_0000n, 0x1000n] });
  assert.match(booted({ board: { more: [pic, old] } }), /Hyper-LITE, CPUs: 1/);
  assert.match(lastLine({ board: { gic: "none", more: [pic] } }), /the device tree names no GICv3/);
  assert.match(lastLine({ board: { gic: "none", more: [old] } }), /this board has a GICv2/);
});

test("firmware that is called by HVC is nobody below EL2", () => {
  const psci = fdtNode("psci", { compatible: "arm,psci-0.2", method: "hvc" });
  const silent = outputOf({ board: { psci: false, initrd: undefined, more: [psci] } }, () => assert.fail("a guest was started"));
  assert.ok(!(silent.thrown instanceof PowerOff), "it cannot switch the board off");
  const smc = fdtNode("psci", { compatible: "arm,psci-0.2", method: "smc" });
  assert.match(lastLine({ board: { psci: false, initrd: undefined, more: [smc] } }), /no bundle/);
});

test("RAM beyond the addresses that EL2 maps ends the run, and so does a device in the image", () => {
  const far = fdtNode("memory@1", { device_type: "memory", reg: [BigInt(layout.PHYS_LIMIT), 0x1000_0000n] });
  assert.match(lastLine({ board: { more: [far] } }), /EL2 has no room in its tables for the RAM at 0x200000000000$/);
  const clock = fdtNode("rtc", { compatible: "arm,pl031", reg: [0x4020_0000n, 0x1000n] });
  assert.match(
    lastLine({ board: { clock: false, more: [clock] } }),
    /EL2 cannot map the device at 0x40200000: its tables are full, or that is the image$/,
  );
});

test("a device whose registers no access could be aligned to", () => {
  for (const [board, at] of [
    [{ uart: 0x900_0004 }, "9000004"],
    [{ redistributorRegions: 2, moreRegions: [{ base: 0xa00_0001, size: 0x2_0000 }] }, "a000001"],
  ] as const)
    assert.match(
      lastLine({ board }),
      new RegExp(`halted: crash the device tree names a device at 0x${at}: registers lie at multiples of 8$`),
    );
});

/** The usual board's tree with a word more at the end of its root. */
const withWord = (word: number): Buffer => {
  const { ram } = load({});
  const tree = Buffer.from(ram.readBytes(FDT_AT, Buffer.from(ram.readBytes(FDT_AT + 4, 4)).readUInt32BE()));
  const [total, structure, strings, size] = [4, 8, 12, 36].map((at) => tree.readUInt32BE(at));
  assert.ok(strings! > structure!);
  // Before the END_NODE of the root, and the END behind that.
  const at = structure! + size! - 8;
  const longer = Buffer.concat([tree.subarray(0, at), Buffer.alloc(4), tree.subarray(at)]);
  longer.writeUInt32BE(word, at);
  for (const [field, value] of [
    [4, total! + 4],
    [12, strings! + 4],
    [36, size! + 4],
  ] as const)
    longer.writeUInt32BE(value, field);
  return longer;
};

test("a device tree with a token that does not exist ends the run; one that means nothing does not", () => {
  const NOP = 4;
  assert.match(booted({ fdt: withWord(NOP) }), /guest starts/);
  for (const word of [0, 5, 8, 10, 0xffff_ffff]) assert.match(lastLine({ fdt: withWord(word) }), /halted: .*device tree/);
});

test("a device tree above 4 GiB is read as any other", () => {
  const HIGH = 0x1_ffff_f000;
  const banks = [...DEFAULT_BANKS, { base: 0x1_0000_0000, size: 0x2_0000_0000 }];
  const machine = load({ machine: { banks } });
  machine.ram.writeBytes(HIGH, machine.ram.readBytes(FDT_AT, 0x2000));
  machine.ram.zero(FDT_AT, 0x2000);
  boot(machine, { fdtAt: BigInt(HIGH) });
  assert.match(machine.uart.output, /guest starts/);
});

test("memory that is reserved beyond all RAM is passed over", () => {
  const reserve = [
    { base: layout.PHYS_LIMIT, size: 0x1000 },
    { base: layout.PHYS_LIMIT - 0x1000, size: 0x2000 },
    { base: 0x1000, size: 0x1000 },
  ];
  assert.match(booted({ board: { reserve } }), /RAM for VMs: 192 MiB/);
});
