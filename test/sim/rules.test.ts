// The simulator itself: that it sees what an emulator does not show, and refuses what metal/hal.h refuses. A check that never fails is none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Violation } from "../../sim/faults.ts";
import { intids } from "../../sim/interrupts.ts";
import type { Machine } from "../../sim/machine.ts";
import { Order } from "../../sim/order.ts";
import { RAM_BASE, start } from "../../sim/start.ts";
import { VirtualInterface } from "../../sim/virtual-interrupts.ts";
import { Malformed, walkStage1, walkStage2 } from "../../sim/walker.ts";

const ENTRY = 0x1000;
const VALID = 0x4000_0401n;
const OTHER = 0x4020_0401n;
const PSCI_VERSION = 0x8400_0000n;

const violates = (action: () => unknown, message: RegExp): void => {
  assert.throws(action, (error) => error instanceof Violation && message.test(error.message));
};

test("a new entry without a dsb behind it is seen when a guest is entered", () => {
  const order = new Order();
  order.writeStage2(ENTRY, 0n, VALID);
  violates(() => order.enterGuest(), /only written/);
  order.dsb(true);
  order.enterGuest();
});

test("a valid entry that becomes another valid one is no break-before-make", () => {
  const order = new Order();
  violates(() => order.writeStage2(ENTRY, VALID, OTHER), /break-before-make/);
  order.writeStage2(ENTRY, VALID, VALID);
});

test("an entry is broken by: clear, dsb, tlbi, dsb; each step missing is seen", () => {
  const steps: ((order: Order) => void)[] = [
    (order) => order.dsb(true),
    (order) => order.invalidate(),
    (order) => order.dsb(false),
  ];
  for (let missing = 0; missing < steps.length; missing++) {
    const order = new Order();
    order.writeStage2(ENTRY, VALID, 0n);
    for (const [n, step] of steps.entries()) if (n !== missing) step(order);
    violates(() => order.writeStage2(ENTRY, 0n, OTHER), /break-before-make/);
    violates(() => order.enterGuest(), /only (cleared|published|invalidated)/);
  }
  const order = new Order();
  order.writeStage2(ENTRY, VALID, 0n);
  for (const step of steps) step(order);
  order.writeStage2(ENTRY, 0n, OTHER);
});

test("an SGI waits for the stores that its target is to see, of its own CPU alone", () => {
  const order = new Order();
  order.requireStores();
  order.store();
  violates(() => order.requireStores(), /an SGI is sent before the dsb/);
  order.cpu = 1;
  order.requireStores();
  order.dsb(true);
  order.cpu = 0;
  violates(() => order.requireStores(), /before the dsb/);
  order.dsb(true);
  order.requireStores();
});

test("an SGI is sent by the isb behind it, or by the end of the exit, before its CPU waits", () => {
  const order = new Order();
  order.requireSent();
  order.send();
  violates(() => order.requireSent(), /has sent it an SGI without the isb/);
  order.cpu = 1;
  order.isb();
  order.requireSent();
  order.cpu = 0;
  violates(() => order.requireSent(), /has sent it an SGI without the isb/);
  order.isb();
  order.requireSent();
  order.send();
  order.leave();
  order.requireSent();
});

test("cache maintenance is complete behind a dsb that is for more than stores, of its own CPU", () => {
  const order = new Order();
  order.maintainCaches();
  order.dsb(true);
  violates(() => order.leave(), /before the dsb behind cache maintenance/);
  violates(() => order.requireStores(), /an SGI is sent before the dsb behind cache maintenance/);
  order.cpu = 1;
  order.dsb(false);
  order.requireStores();
  order.leave();
  order.cpu = 0;
  violates(() => order.leave(), /before the dsb behind cache maintenance/);
  order.dsb(false);
  order.leave();
});

test("dsb ishst does not wait for a TLB invalidation", () => {
  const order = new Order();
  order.writeStage2(ENTRY, VALID, 0n);
  order.dsb(true);
  order.invalidate();
  order.dsb(true);
  violates(() => order.enterGuest(), /only invalidated/);
});

test("EL2 must not use a translation of its own before dsb and isb", () => {
  const order = new Order();
  order.writeStage1(0n, VALID);
  violates(() => order.requireStage1(), /only written/);
  order.isb();
  violates(() => order.requireStage1(), /only written/);
  order.dsb(true);
  violates(() => order.requireStage1(), /only published/);
  order.isb();
  order.requireStage1();
  violates(() => order.writeStage1(VALID, OTHER), /valid stage-1 entry/);
});

test("EL2 must not ask whether a virtual timer fires before the isb behind its loading", () => {
  const order = new Order();
  order.loadTimer();
  violates(() => order.requireTimer(), /virtual timer/);
  order.isb();
  order.requireTimer();
});

test("EL2 must not use vector registers before the isb behind CPTR_EL2", () => {
  const order = new Order();
  order.writeTraps();
  violates(() => order.requireTraps(), /CPTR_EL2/);
  order.isb();
  order.requireTraps();
});

// --- the door, after boot

const refusals: Record<string, [(machine: Machine) => unknown, RegExp]> = {
  "guest memory below its range": [({ door }) => door.phys(0x43ff_ffff, 1), /REFUSE_PHYS/],
  "guest memory behind its range": [({ door }) => door.phys(0x4fff_ffff, 2), /REFUSE_PHYS/],
  "guest memory at the end of addresses": [({ door }) => door.phys(2 ** 64 - 2048, 8), /REFUSE_PHYS/],
  "the image": [({ door }) => door.phys(door.imageStart, 8), /REFUSE_PHYS/],
  "a bank after boot": [({ door }) => door.addBank(0x4400_0000n, 0x1000n), /REFUSE_AFTER_LOCK/],
  "another range after boot": [({ door }) => door.restrict(0n, 0x1000n), /REFUSE_AFTER_LOCK/],
  "another pool after boot": [({ door }) => door.setPool(0x4400_0000n, 1), /REFUSE_AFTER_LOCK/],
  "stage 1 after boot": [({ door }) => door.writeStage1(0, 0, 0n), /REFUSE_AFTER_LOCK/],
  "a table that is none": [({ door }) => door.readEntry(0x4400_0000n, 0), /REFUSE_TABLE/],
  "an entry behind a table's end": [({ door }) => door.readEntry(BigInt(door.imageEnd), 512), /REFUSE_TABLE/],
  "a table of no level": [({ door }) => door.format(BigInt(door.imageEnd), 4), /REFUSE_TABLE/],
  "a table below itself": [
    ({ door }) => door.writeTable(BigInt(door.imageEnd), 500, BigInt(door.imageEnd)),
    /REFUSE_TABLE_ENTRY/,
  ],
  "a leaf that leads into the image": [({ door }) => door.writeLeaf(BigInt(door.imageEnd), 500, 0x4000_0401n), /REFUSE_LEAF/],
  "a leaf that leads to a device": [({ door }) => door.writeLeaf(BigInt(door.imageEnd), 500, 0x0000_0401n), /REFUSE_LEAF/],
  "a leaf that is no leaf of its level": [({ door }) => door.writeLeaf(BigInt(door.imageEnd), 500, 0x4400_0403n), /REFUSE_LEAF/],
  "a device that is not mapped": [(machine) => machine.readDevice(0x0b00_0000, 4), /no mapping/],
  "an odd device access": [(machine) => machine.readDevice(0x0900_0002, 4), /device access/],
};
for (const [name, [action, message]] of Object.entries(refusals)) {
  test(`refused: ${name}`, () => {
    const { machine } = start();
    violates(() => action(machine), message);
  });
}

test("a guest whose PSTATE names EL2 is not entered", () => {
  const guest = start();
  guest.pstate = 0x3c9n;
  violates(() => guest.hvc(PSCI_VERSION), /SPSR/);
});

test("memory that EL2 wrote and did not clean is seen before a guest with its caches off", () => {
  const guest = start();
  const own = guest.translate(RAM_BASE + 0x1040);
  assert.ok(!("fault" in own));
  guest.machine.ram.soil(own.output, 8);
  violates(() => guest.hvc(PSCI_VERSION), /was not cleaned/);
  guest.machine.ram.clean(own.output, 8);
  guest.hvc(PSCI_VERSION);
});

// --- walker and interrupt controller, on cases from the manuals

/** One table at 0x1000 that holds the given entries. */
const memory =
  (entries: Record<number, bigint>) =>
  (pa: number): bigint =>
    entries[(pa - 0x1000) / 8] ?? 0n;
const VTCR = 0x8002_3559n;

test("the walker: blocks, faults and malformed descriptors at level 1", () => {
  const walk = (entry: bigint, ipa = 0x4000_1234): unknown => walkStage2(VTCR, 0x1000n, ipa, memory({ 1: entry }));
  assert.deepEqual(walk(0x8000_04fdn), {
    ...{ input: 0x4000_0000, size: 2 ** 30, output: 0x8000_0000, level: 1 },
    ...{ read: true, write: true, execute: true, memory: 0xf, shareability: 0 },
  });
  assert.deepEqual(walk(0n), { fault: "translation", level: 1 });
  assert.deepEqual(walk(0x8000_00fdn), { fault: "access flag", level: 1 });
  assert.deepEqual(walk(0x8000_04fdn, 2 ** 39), { fault: "translation", level: 0 });
  assert.deepEqual(walk((1n << 46n) | 0x4fdn), { fault: "address size", level: 1 });
  assert.throws(() => walk(0x8020_04fdn), Malformed);
});

test("the walker: EL2's writable pages are not executable under WXN", () => {
  const registers = { tcr: 0x8085_3510n, ttbr0: 0x1000n, mair: 0xff04n, sctlr: 1n << 19n };
  const tables: Record<number, bigint> = { 0: 0x1003n, 1: 0x8000_0445n };
  // Entry 0 makes the table its own next level: the walk goes on at level 1.
  const found = walkStage1(registers, 0x4000_0000, memory(tables));
  assert.ok(!("fault" in found) && found.write && !found.execute);
});

test("list registers: two of one interrupt, or a linked one in both states, are UNPREDICTABLE", () => {
  const lists = new VirtualInterface(4, 5, () => undefined);
  lists.writeList(0, (1n << 62n) | 40n);
  violates(() => lists.writeList(1, (1n << 62n) | 40n), /two list registers/);
  violates(() => lists.writeList(2, (7n << 61n) | 41n), /pending and active/);
  violates(() => lists.writeList(4, 0n), /does not exist/);
});

test("list registers: what is free, what has ended, and when maintenance is due", () => {
  const lists = new VirtualInterface(4, 5, () => undefined);
  assert.equal(lists.elrsr, 0xfn);
  lists.hcr = 1n;
  lists.priorityMask = 0xff;
  lists.enableGroup(1, true);
  lists.writeList(0, (1n << 62n) | (1n << 60n) | (1n << 41n) | (0x80n << 48n) | 40n);
  assert.equal(lists.elrsr, 0xen);
  assert.equal(lists.acknowledge(1), 40);
  assert.equal(lists.maintenance, false);
  lists.end(1, 40);
  assert.equal(lists.eisr, 1n);
  assert.equal(lists.misr, 1n);
  assert.equal(lists.maintenance, true);
  lists.writeList(0, 0n);
  lists.hcr = 3n;
  assert.equal(lists.misr, 2n);
});

test("list registers: an end of what no list register holds is counted", () => {
  const lists = new VirtualInterface(4, 5, () => undefined);
  lists.hcr = 1n;
  lists.writeActive(1, 0, 1n << 16n);
  lists.end(1, 50);
  assert.equal(lists.hcr >> 27n, 1n);
  lists.end(1, 50);
  assert.equal(lists.hcr >> 27n, 1n, "no priority is active: nothing was ended");
});

test("the board's interrupts: an end of what does not run is UNPREDICTABLE", () => {
  const { machine } = start();
  violates(() => machine.cpu(0).interface.end(BigInt(intids.UART)), /not the one that runs/);
});
