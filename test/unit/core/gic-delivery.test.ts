// Interrupts on their way to the guest: through list registers, however many there are, in the order of their priorities, none lost and none twice.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gicd, gicr } from "../../../abi/gic.ts";
import { guest as machine } from "../../../abi/guest.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import { type CpuModel, cortexA57, max } from "../../../sim/cpu-model.ts";
import type { Guest } from "../../../sim/guest.ts";
import { intids } from "../../../sim/interrupts.ts";
import { start } from "../../../sim/start.ts";
import { shown } from "./log-lines.ts";

const D = machine.GICD_BASE;
const SGI = machine.GICR_BASE + gicr.GICR_SGI_FRAME;
const NONE = 1023;

/** A guest with every interrupt in group 1, enabled, at priority 0xa0, as Linux sets them up. */
const at = (cpu: CpuModel = cortexA57): Guest => {
  const guest = start({ machine: { cpu } });
  guest.store(machine.GICR_BASE + gicr.GICR_WAKER, 0n);
  guest.store(D, 2n);
  for (const base of [D + 4, D + 8, SGI]) {
    guest.store(base + gicd.GICD_IGROUPR, 0xffff_ffffn);
    guest.store(base + gicd.GICD_ISENABLER, 0xffff_ffffn);
  }
  for (let n = 0; n < 96; n += 4) guest.store((n < 32 ? SGI : D) + gicd.GICD_IPRIORITYR + n, 0xa0a0_a0a0n);
  guest.openInterrupts();
  return guest;
};

const word = (intid: number): number => (intid < 32 ? SGI : D + 4 * (intid >> 5));
const bit = (intid: number): bigint => 1n << BigInt(intid & 31);
const pend = (guest: Guest, intid: number): void => guest.store(word(intid) + gicd.GICD_ISPENDR, bit(intid));
const isSet = (guest: Guest, register: number, intid: number): boolean =>
  (guest.load(word(intid) + register) & bit(intid)) !== 0n;
const setPriority = (guest: Guest, intid: number, priority: number): void =>
  guest.store((intid < 32 ? SGI : D) + gicd.GICD_IPRIORITYR + intid, BigInt(priority), { bytes: 1 });

/** Takes and ends interrupts until there is none; returns them in order. */
const drain = (guest: Guest): number[] => {
  const taken: number[] = [];
  for (let intid = guest.acknowledge(); intid !== NONE; intid = guest.acknowledge()) {
    taken.push(intid);
    assert.ok(taken.length < 1000, "an interrupt comes again and again");
    guest.end(intid);
  }
  return taken;
};

for (const cpu of [cortexA57, max]) {
  test(`${cpu.listRegisters} list registers: all of 64 pending SPIs arrive, each once`, () => {
    const guest = at(cpu);
    guest.store(D + gicd.GICD_ICFGR + 8, 0xaaaa_aaaan);
    for (const index of [1, 2]) guest.store(D + 4 * index + gicd.GICD_ISPENDR, 0xffff_ffffn);
    assert.deepEqual(
      drain(guest).sort((a, b) => a - b),
      Array.from({ length: 64 }, (_, n) => 32 + n),
    );
    assert.equal(guest.isSignalled, false);
  });

  test(`${cpu.listRegisters} list registers: the most urgent come first, though they came last`, () => {
    const guest = at(cpu);
    const order = Array.from({ length: 20 }, (_, n) => 40 + n);
    for (const [n, intid] of order.entries()) setPriority(guest, intid, 0xf0 - 8 * n);
    // Sixteen that fill any number of list registers, then those that are more urgent.
    for (const intid of order) pend(guest, intid);
    guest.machine.virtual.priorityMask = 0xff;
    assert.deepEqual(drain(guest), order.toReversed());
  });

  test(`${cpu.listRegisters} list registers: nested as deep as priorities go, each is ended as its own`, () => {
    const guest = at(cpu);
    guest.machine.virtual.priorityMask = 0xff;
    const nested = Array.from({ length: 12 }, (_, n) => 40 + n);
    const taken: number[] = [];
    for (const [n, intid] of nested.entries()) {
      setPriority(guest, intid, 0xf0 - 8 * n);
      pend(guest, intid);
      const got = guest.acknowledge();
      if (got !== NONE) taken.push(got);
    }
    for (const intid of taken.toReversed()) guest.end(intid);
    assert.deepEqual([...taken, ...drain(guest)].sort(), nested);
    for (const intid of nested) assert.equal(isSet(guest, gicd.GICD_ISACTIVER, intid), false, `${intid} is still active`);
  });
}

test("an interrupt that is not enabled waits until it is", () => {
  const guest = at();
  guest.store(word(40) + gicd.GICD_ICENABLER, bit(40));
  pend(guest, 40);
  assert.equal(guest.isSignalled, false);
  assert.ok(isSet(guest, gicd.GICD_ISPENDR, 40));
  guest.store(word(40) + gicd.GICD_ISENABLER, bit(40));
  assert.deepEqual(drain(guest), [40]);
});

test("disabling a pending interrupt takes it back from the list registers", () => {
  const guest = at();
  pend(guest, 40);
  assert.equal(guest.isSignalled, true);
  guest.store(word(40) + gicd.GICD_ICENABLER, bit(40));
  assert.equal(guest.isSignalled, false);
  assert.ok(isSet(guest, gicd.GICD_ISPENDR, 40), "it stays pending");
});

test("a group that the distributor does not forward waits", () => {
  const guest = at();
  guest.store(D, 0n);
  pend(guest, 40);
  assert.equal(guest.isSignalled, false);
  guest.store(D, 2n);
  assert.deepEqual(drain(guest), [40]);
});

test("group 0 is delivered as group 0", () => {
  const guest = at();
  guest.store(D, 3n);
  guest.store(word(40) + gicd.GICD_IGROUPR, 0n);
  guest.machine.virtual.enableGroup(0, true);
  pend(guest, 40);
  assert.equal(guest.isSignalled, false);
  assert.equal(guest.machine.virtual.acknowledge(0), 40);
});

test("clearing what is pending: it never comes", () => {
  const guest = at();
  pend(guest, 40);
  guest.store(word(40) + gicd.GICD_ICPENDR, bit(40));
  assert.deepEqual(drain(guest), []);
});

test("clearing what is active: it may come again, and the list registers agree", () => {
  const guest = at();
  pend(guest, 40);
  assert.equal(guest.acknowledge(), 40);
  assert.ok(isSet(guest, gicd.GICD_ISACTIVER, 40));
  guest.store(word(40) + gicd.GICD_ICACTIVER, bit(40));
  assert.equal(isSet(guest, gicd.GICD_ISACTIVER, 40), false);
  guest.end(40);
  pend(guest, 40);
  assert.deepEqual(drain(guest), [40]);
});

test("pending again while active: it comes once more, after the end", () => {
  const guest = at();
  pend(guest, 40);
  assert.equal(guest.acknowledge(), 40);
  pend(guest, 40);
  assert.equal(guest.acknowledge(), NONE);
  assert.ok(isSet(guest, gicd.GICD_ISPENDR, 40));
  guest.end(40);
  assert.deepEqual(drain(guest), [40]);
});

test("a line that is still high at the end of its interrupt brings the next one, and one that is low does not", () => {
  const guest = at();
  const { RTC_BASE } = machine;
  guest.store(RTC_BASE + 0x10, 1n);
  guest.store(RTC_BASE + 0x04, 1n);
  for (let n = 0; n < 3; n++) {
    assert.equal(guest.acknowledge(), intids.RTC);
    guest.end(intids.RTC);
  }
  assert.equal(guest.acknowledge(), intids.RTC);
  guest.store(RTC_BASE + 0x1c, 1n);
  guest.end(intids.RTC);
  assert.equal(guest.acknowledge(), NONE);
});

test("a line that stays high is one edge, however often its device is looked at", () => {
  const guest = at();
  const { RTC_BASE } = machine;
  guest.store(machine.GICD_BASE + gicd.GICD_ICFGR + 4 * (intids.RTC >> 4), 2n << BigInt(2 * (intids.RTC & 15)));
  guest.store(RTC_BASE + 0x10, 1n);
  guest.store(RTC_BASE + 0x04, 1n);
  assert.equal(guest.acknowledge(), intids.RTC);
  guest.end(intids.RTC);
  guest.store(RTC_BASE + 0x10, 1n);
  assert.equal(guest.acknowledge(), NONE);
  guest.store(RTC_BASE + 0x1c, 1n);
  guest.store(RTC_BASE + 0x04, 1n);
  assert.equal(guest.acknowledge(), intids.RTC, "it has fallen, and risen again");
});

test("a line that falls before the guest looks takes its interrupt away", () => {
  const guest = at();
  guest.store(machine.RTC_BASE + 0x10, 1n);
  guest.store(machine.RTC_BASE + 0x04, 1n);
  assert.equal(guest.isSignalled, true);
  guest.store(machine.RTC_BASE + 0x1c, 1n);
  assert.equal(guest.isSignalled, false);
});

test("an SPI that is routed to a vCPU that is not there stays pending", () => {
  const guest = at();
  const route = D + gicd.GICD_IROUTER + 8 * 40;
  guest.store(route, 1n, { bytes: 8 });
  pend(guest, 40);
  assert.equal(guest.isSignalled, false);
  guest.store(route, 0n, { bytes: 8 });
  assert.deepEqual(drain(guest), [40]);
});

test("more active interrupts than list registers: those that no list register holds are ended all the same", () => {
  const guest = at();
  guest.store(word(40) + gicd.GICD_ISACTIVER, 0xffffn << 8n);
  guest.machine.virtual.priorityMask = 0xff;
  pend(guest, 70);
  // The guest ends interrupts that it never took: nothing is corrupted, nothing is lost.
  for (let intid = 40; intid < 56; intid++) guest.store(word(40) + gicd.GICD_ICACTIVER, bit(intid));
  assert.deepEqual(drain(guest), [70]);
});

test("the end of an interrupt that was made inactive before ends none that is made active later", () => {
  const guest = at();
  pend(guest, 40);
  assert.equal(guest.acknowledge(), 40);
  guest.store(word(40) + gicd.GICD_ICACTIVER, bit(40));
  guest.end(40);
  guest.store(word(70) + gicd.GICD_ISACTIVER, bit(70));
  assert.ok(isSet(guest, gicd.GICD_ISACTIVER, 70));
});

// --- SGIs

const SGI1R = trappedRegisters.ICC_SGI1R_EL1;
const sgi = (intid: number, rest = 1n): bigint => (BigInt(intid) << 24n) | rest;

test("all sixteen SGIs to oneself arrive", () => {
  const guest = at();
  for (let intid = 0; intid < 16; intid++) guest.msr(SGI1R, sgi(intid));
  assert.deepEqual(
    drain(guest).sort((a, b) => a - b),
    Array.from({ length: 16 }, (_, n) => n),
  );
});

test("an SGI that is sent twice before it is taken comes once; once more after it was taken", () => {
  const guest = at();
  guest.msr(SGI1R, sgi(3));
  guest.msr(SGI1R, sgi(3));
  assert.equal(guest.acknowledge(), 3);
  guest.msr(SGI1R, sgi(3));
  guest.end(3);
  assert.deepEqual(drain(guest), [3]);
});

const nowhere: Record<string, bigint> = {
  "no target": sgi(1, 0n),
  "another CPU of the cluster": sgi(1, 2n),
  "all others": sgi(1, 1n << 40n),
  "all others, with a list": sgi(1, (1n << 40n) | 1n),
  "another cluster (Aff1)": sgi(1, (1n << 16n) | 1n),
  "another cluster (Aff2)": sgi(1, (1n << 32n) | 1n),
  "another cluster (Aff3)": sgi(1, (1n << 48n) | 1n),
  "another range": sgi(1, (1n << 44n) | 1n),
  "everything at once": 0xffff_ffff_ffff_ffffn,
};
for (const [name, value] of Object.entries(nowhere)) {
  test(`an SGI to ${name} reaches nobody`, () => {
    const guest = at();
    guest.msr(SGI1R, value);
    assert.equal(guest.isSignalled, false);
    assert.equal(guest.pc & 3n, 0n);
  });
}

test("reserved bits of an SGI are ignored", () => {
  const guest = at();
  guest.msr(SGI1R, sgi(5) | (0xen << 28n) | (7n << 41n) | (0xffn << 56n));
  assert.deepEqual(drain(guest), [5]);
});

test("an SGI of the other group does not go through", () => {
  const guest = at();
  guest.msr(trappedRegisters.ICC_SGI0R_EL1, sgi(5));
  assert.equal(guest.isSignalled, false);
  guest.msr(trappedRegisters.ICC_ASGI1R_EL1, sgi(5));
  assert.equal(guest.isSignalled, false);
});

test("the board's interrupts that nobody asked for are told of, as our own error, and do no harm", () => {
  const guest = at();
  guest.machine.uart.take();
  guest.machine.writeDevice(0x080a_0000 + 0x1_0100, 4, 1n << 20n);
  guest.machine.interrupts.pulse(20);
  guest.poll();
  assert.match(shown(guest.machine.uart.output), /^<3>\[.*\] cpu0 gic: interrupt 20, which nobody asked for\r\n$/);
  assert.equal(guest.machine.interrupts.isActive(20), false);
});

test("the board's interrupts that nobody asked for come once, though their line stays up", () => {
  const guest = at();
  const { interrupts, uart } = guest.machine;
  uart.take();
  const all = [20, 32, 40];
  for (const intid of all) interrupts.connect(intid, () => true);
  guest.machine.writeDevice(0x080a_0000 + 0x1_0100, 4, 1n << 20n);
  for (const [offset, value] of [
    [0x84, (1n << 0n) | (1n << 8n)],
    [0x104, (1n << 0n) | (1n << 8n)],
  ] as const)
    guest.machine.writeDevice(0x0800_0000 + offset, 4, value);
  guest.poll();
  const told = [...shown(uart.output).matchAll(/interrupt (\d+), which nobody asked for/g)].map(([, intid]) => Number(intid));
  assert.deepEqual(
    told.sort((a, b) => a - b),
    all,
  );
  for (const intid of all) assert.equal(interrupts.isEnabled(intid), false);
});

test("a vCPU that is not woken up at its redistributor is one all the same", () => {
  const guest = start();
  assert.equal(guest.isSignalled, false);
});
