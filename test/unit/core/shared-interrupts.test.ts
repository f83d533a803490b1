// SPIs of a VM with several vCPUs (Arm IHI 0069, 12.9.22): they go where GICD_IROUTER says, and every vCPU may change any of them while another one
// handles it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { pl031 } from "../../../abi/pl031.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { call } from "./call.ts";

const ENTRY = BigInt(RAM_BASE + 0x8_0000);
const { GICD_BASE, GICR_BASE, GICR_STRIDE } = guestMachine;
const [IGROUPR, ISENABLER, ICENABLER, ISPENDR, ICPENDR, ISACTIVER, ICACTIVER] = [0x80, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380];
const SPI = 40;
const BIT = 1n << BigInt(SPI % 32);

const word = (register: number): number => GICD_BASE + register + 4;
const router = (intid: number): number => GICD_BASE + 0x6000 + 8 * intid;

/** Two vCPUs on two CPUs, all SPIs edge-triggered and enabled, SPI 40 routed to vCPU 1. */
const system = (): { machine: Machine; guests: [Guest, Guest] } => {
  const machine = startSystem({ cpus: 2, vms: [{ vcpus: 2 }] });
  const first = machine.running(0, 0);
  assert.ok(first !== undefined);
  call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0);
  const second = machine.running(0, 1);
  assert.ok(second !== undefined);
  first.store(GICD_BASE, 0x12n);
  first.store(word(IGROUPR), 0xffff_ffffn);
  for (let n = 0; n < 2; n++) first.store(GICD_BASE + 0xc08 + 4 * n, 0xaaaa_aaaan);
  first.store(router(SPI), 1n, { bytes: 8 });
  first.store(word(ISENABLER), BIT);
  for (const [n, guest] of [first, second].entries()) {
    guest.store(GICR_BASE + n * GICR_STRIDE + 0x14, 0n);
    guest.store(GICR_BASE + n * GICR_STRIDE + 0x1_0080, 0xffff_ffffn);
    guest.store(GICR_BASE + n * GICR_STRIDE + 0x1_0100, 0xffffn);
    guest.openInterrupts();
  }
  return { machine, guests: [first, second] };
};

const taken = (guest: Guest): number[] => {
  const all: number[] = [];
  for (let intid = guest.acknowledge(); intid !== 1023; intid = guest.acknowledge()) {
    all.push(intid);
    guest.end(intid);
  }
  return all;
};

test("an SPI goes to the vCPU that it is routed to", () => {
  const { guests } = system();
  guests[0].store(word(ISPENDR), BIT);
  assert.deepEqual(guests.map(taken), [[], [SPI]]);
  guests[1].store(router(SPI), 0n, { bytes: 8 });
  guests[1].store(word(ISPENDR), BIT);
  assert.deepEqual(guests.map(taken), [[SPI], []]);
});

test("an SPI that is routed elsewhere while it is pending goes there, and comes once", () => {
  const { guests } = system();
  guests[0].store(word(ISPENDR), BIT);
  assert.ok(guests[1].isSignalled);
  guests[0].store(router(SPI), 0n, { bytes: 8 });
  assert.ok(!guests[1].isSignalled);
  assert.deepEqual(guests.map(taken), [[SPI], []]);
});

test("an SPI that is routed to a vCPU that is not there comes when it is routed to one that is", () => {
  const { guests } = system();
  for (const nowhere of [2n, 7n, 0x100n, 1n << 32n]) {
    guests[0].store(router(SPI), nowhere, { bytes: 8 });
    guests[0].store(word(ISPENDR), BIT);
    assert.deepEqual(guests.map(taken), [[], []]);
    assert.equal(guests[0].load(word(ISPENDR)), BIT);
    guests[0].store(router(SPI), 1n, { bytes: 8 });
    assert.deepEqual(guests.map(taken), [[], [SPI]]);
  }
});

test("an SPI is switched off, cleared, and set again while another vCPU has it pending", () => {
  const { guests } = system();
  guests[0].store(word(ISPENDR), BIT);
  guests[0].store(word(ICENABLER), BIT);
  assert.ok(!guests[1].isSignalled);
  guests[0].store(word(ISENABLER), BIT);
  assert.ok(guests[1].isSignalled);
  guests[0].store(word(ICPENDR), BIT);
  assert.deepEqual([guests[1].isSignalled, guests[0].load(word(ISPENDR))], [false, 0n]);
});

test("an SPI that another vCPU handles: seen as active, pending again meanwhile, deactivated from afar", () => {
  const { guests } = system();
  const [first, second] = guests;
  first.store(word(ISPENDR), BIT);
  assert.equal(second.acknowledge(), SPI);
  assert.deepEqual([first.load(word(ISACTIVER)), first.load(word(ISPENDR))], [BIT, 0n]);
  first.store(word(ISPENDR), BIT);
  assert.equal(second.acknowledge(), 1023, "not while it is active");
  second.end(SPI);
  assert.deepEqual(taken(second), [SPI]);
  first.store(word(ISPENDR), BIT);
  assert.equal(second.acknowledge(), SPI);
  first.store(word(ICACTIVER), BIT);
  assert.equal(first.load(word(ISACTIVER)), 0n);
  second.end(SPI);
  first.store(word(ISPENDR), BIT);
  assert.deepEqual(taken(second), [SPI]);
});

test("an SPI that its vCPU ends while another one looks at it, before its list registers are filled again, has ended", () => {
  const { machine, guests } = system();
  const [first, second] = guests;
  first.store(word(ISPENDR), BIT);
  assert.equal(second.acknowledge(), SPI);
  let ends = 0;
  machine.run.observer = {
    begin: () => undefined,
    end: (cpu) => {
      if (cpu !== machine.cpu(1) || ends++ > 0) return;
      assert.ok(cpu.virtual.lists.every((list) => list >> 62n === 0n));
      cpu.virtual.end(1, SPI);
    },
  };
  first.load(word(ISACTIVER));
  assert.ok(ends > 0);
  assert.equal(first.load(word(ISACTIVER)), 0n);
});

test("an SPI that is routed elsewhere while it is handled comes to its new target when it has ended, not before", () => {
  for (const isRoutedFirst of [true, false]) {
    const { guests } = system();
    const [first, second] = guests;
    const route = (): void => first.store(router(SPI), 0n, { bytes: 8 });
    first.store(word(ISPENDR), BIT);
    assert.equal(second.acknowledge(), SPI);
    if (isRoutedFirst) route();
    first.store(word(ISPENDR), BIT);
    if (!isRoutedFirst) route();
    assert.deepEqual(guests.map(taken), [[], []], "it is active");
    second.end(SPI);
    assert.deepEqual(guests.map(taken), [[SPI], []]);
  }
});

test("the line of an SPI that rises while another vCPU than its target handles it is told to the target at the end", () => {
  const { machine, guests } = system();
  const [first, second] = guests;
  const clock = (offset: number): number => guestMachine.RTC_BASE + offset;
  const rtc = 32 + guestMachine.RTC_SPI;
  const alarm = (): void => second.store(clock(pl031.RTC_MR), second.load(clock(pl031.RTC_DR)));
  first.store(GICD_BASE + 0xc08, 0n);
  first.store(router(rtc), 1n, { bytes: 8 });
  first.store(word(ISENABLER), 1n << BigInt(rtc - 32));
  first.store(clock(pl031.RTC_IMSC), 1n);
  alarm();
  assert.equal(second.acknowledge(), rtc);
  second.store(clock(pl031.RTC_ICR), 1n);
  second.store(router(rtc), 0n, { bytes: 8 });
  alarm();
  machine.run.settle();
  assert.ok(!first.isSignalled, "it is active");
  second.end(rtc);
  assert.ok(!second.isSignalled);
  assert.equal(first.acknowledge(), rtc);
});

test("an SPI that is disabled while it is handled does not come again at its end, but when it is enabled", () => {
  const { guests } = system();
  const [first, second] = guests;
  first.store(word(ISPENDR), BIT);
  assert.equal(second.acknowledge(), SPI);
  first.store(word(ICENABLER), BIT);
  first.store(word(ISPENDR), BIT);
  assert.equal(first.load(word(ISPENDR)), BIT);
  second.end(SPI);
  assert.deepEqual(guests.map(taken), [[], []]);
  first.store(word(ISENABLER), BIT);
  assert.deepEqual(guests.map(taken), [[], [SPI]]);
});

test("whoever changes an SPI of another vCPU keeps what it has itself, pending and active", () => {
  const { machine, guests } = system();
  const [first, second] = guests;
  const sgi = (intid: number): void => first.msr([3, 0, 12, 11, 5], (BigInt(intid) << 24n) | 1n);
  sgi(3);
  assert.equal(first.acknowledge(), 3);
  first.store(GICR_BASE + 0x1_0400, 0x80n, { bytes: 1 });
  sgi(4);
  first.store(word(ISPENDR), BIT);
  for (const register of [ICENABLER, ISENABLER, ICPENDR, ISPENDR]) first.store(word(register), BIT);
  first.load(word(ISPENDR));
  first.load(word(ISACTIVER));
  assert.equal(machine.cpu(0).virtual.runningPriority, 0, "SGI 3 still runs");
  first.end(3);
  assert.deepEqual(guests.map(taken), [[4], [SPI]]);
  assert.equal(second.load(word(ISACTIVER)), 0n);
});
