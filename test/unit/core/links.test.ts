// What VMs have in common: doorbells between two of them, and regions of memory that both see, each as the configuration says.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as guestMachine } from "../../../abi/guest.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { call, error } from "./call.ts";

const { GICD_BASE, SHARED_BASE, STOLEN_BASE, STOLEN_STRIDE } = guestMachine;
const BELL = 32 + guestMachine.DOORBELL_SPI;
const MS = 62_500n;
const SCTLR_C = 4n;

const guestOf = (machine: Machine, vm: number): Guest => {
  const found = machine.running(vm);
  assert.ok(found !== undefined, `VM ${vm} runs`);
  return found;
};

/** Lets the first eight doorbells through: edges. */
const hear = (guest: Guest): Guest => {
  const bells = 0xffn << BigInt(BELL % 32);
  guest.store(GICD_BASE, 0x12n);
  guest.store(GICD_BASE + 0x84, 0xffff_ffffn);
  for (let n = 0; n < 2; n++) guest.store(GICD_BASE + 0xc08 + 4 * n, 0xaaaa_aaaan);
  guest.store(GICD_BASE + 0x104, bells);
  guest.store(guestMachine.GICR_BASE + 0x14, 0n);
  guest.openInterrupts();
  return guest;
};

const heard = (guest: Guest): number[] => {
  const all: number[] = [];
  for (let intid = guest.acknowledge(); intid !== 1023; intid = guest.acknowledge()) {
    all.push(intid - BELL);
    guest.end(intid);
  }
  return all;
};

const doorbells: [string, string][] = [
  ["vm0", "vm1"],
  ["vm1", "vm2"],
  ["vm0", "vm1"],
];

test("a doorbell rings at its peer, as the number that it has there, and nowhere else", () => {
  const machine = startSystem({ cpus: 3, vms: [{}, {}, {}], doorbells });
  const guests = [0, 1, 2].map((vm) => hear(guestOf(machine, vm)));
  const ring = (vm: number, bell: number): number[][] => {
    assert.equal(call(guests[vm]!, "HL_DOORBELL", bell), 0n);
    return guests.map(heard);
  };
  assert.deepEqual(ring(0, 0), [[], [0], []]);
  assert.deepEqual(ring(0, 1), [[], [2], []]);
  assert.deepEqual(ring(1, 1), [[], [], [0]]);
  assert.deepEqual(ring(2, 0), [[], [1], []]);
  for (const [vm, bell] of [
    [0, 2n],
    [2, 1n],
    [2, 1n << 32n],
    [1, 0xffff_ffff_ffff_ffffn],
  ] as const) {
    assert.equal(call(guests[vm]!, "HL_DOORBELL", bell), error("INVALID_PARAMETERS"));
  }
  assert.deepEqual(guests.map(heard), [[], [], []]);
});

test("a doorbell that is rung before it is heard comes once; it wakes who waits, and one that is paused hears it later", () => {
  const machine = startSystem({ cpus: 1, vms: [{ controller: true }, {}], doorbells: [["vm0", "vm1"]] });
  machine.run.advance(6n * MS);
  const peer = hear(guestOf(machine, 1));
  call(peer, "PSCI_CPU_SUSPEND_64", 0, 0, 0);
  const ringer = guestOf(machine, 0);
  assert.equal(call(ringer, "HL_DOORBELL", 0), 0n);
  assert.equal(call(ringer, "HL_DOORBELL", 0), 0n);
  machine.run.advance(6n * MS);
  assert.deepEqual(heard(guestOf(machine, 1)), [0]);
  machine.run.advance(6n * MS);
  call(guestOf(machine, 0), "HL_VM_PAUSE", 1);
  assert.equal(call(guestOf(machine, 0), "HL_DOORBELL", 0), 0n);
  call(guestOf(machine, 0), "HL_VM_RESUME", 1);
  machine.run.advance(6n * MS);
  assert.deepEqual(heard(guestOf(machine, 1)), [0]);
});

/** Rings at each microsecond of so many, as often as the ringer runs, ten times at most; returns how often that was. */
const ringFor = (machine: Machine, microseconds: number): number => {
  let rings = 0;
  for (let n = 0; n < microseconds; n++) {
    for (let more = 10; more > 0 && machine.running(0) !== undefined; more--, rings++) {
      assert.equal(call(guestOf(machine, 0), "HL_DOORBELL", 0), 0n);
    }
    machine.run.advance(MS / 1000n);
  }
  return rings;
};

test("who rings on and on at a peer that runs on another CPU waits between rings, and may go on afterwards", () => {
  const machine = startSystem({ cpus: 2, vms: [{}, {}], doorbells: [["vm0", "vm1"]] });
  const peer = hear(guestOf(machine, 1));
  const { RINGS_AT_ONCE, RING_MICROSECONDS } = guestMachine;
  for (let round = 0; round < 3; round++) {
    const rings = ringFor(machine, 1000);
    const due = RINGS_AT_ONCE + 1000 / RING_MICROSECONDS;
    assert.ok(Math.abs(rings - due) <= 2, `${rings} rings for ${due}`);
    assert.deepEqual(heard(peer), [0]);
    machine.run.advance(MS);
  }
});

test("nobody waits for a ring that interrupts no CPU: the peer sleeps, or waits for the same CPU", () => {
  const apart = startSystem({ cpus: 2, vms: [{}, {}], doorbells: [["vm0", "vm1"]] });
  const sleeper = hear(guestOf(apart, 1));
  for (let n = 0; n < 100; n++) {
    call(sleeper, "PSCI_CPU_SUSPEND_64", 0, 0, 0);
    assert.equal(call(guestOf(apart, 0), "HL_DOORBELL", 0), 0n);
    assert.deepEqual(heard(guestOf(apart, 1)), [0]);
  }
  const together = startSystem({ cpus: 1, vms: [{}, {}], doorbells: [["vm0", "vm1"]] });
  together.run.advance(6n * MS);
  hear(guestOf(together, 1));
  together.run.advance(6n * MS);
  assert.equal(ringFor(together, 100), 1000);
});

test("a doorbell of a peer that is not there is DENIED, and is forgotten", () => {
  const machine = startSystem({ cpus: 2, vms: [{ controller: true }, {}], doorbells: [["vm0", "vm1"]] });
  const ringer = guestOf(machine, 0);
  for (const what of ["STOP", "DESTROY"]) {
    call(ringer, `HL_VM_${what}`, 1);
    assert.equal(call(ringer, "HL_DOORBELL", 0), error("DENIED"), what);
  }
  call(ringer, "HL_VM_CREATE", 1);
  call(ringer, "HL_VM_START", 1);
  assert.deepEqual(heard(hear(guestOf(machine, 1))), []);
});

test("a shared region is one memory, written where it may be, at each VM's own address; a VM without it does not see it", () => {
  const shared = [{ name: "common", size: 2 * MIB }];
  const ipa = 0x2000_0000;
  const machine = startSystem({
    cpus: 3,
    shared,
    vms: [{ shared: [{ region: "common", readOnly: false }] }, { shared: [{ region: "common", readOnly: true, ipa }] }, {}],
  });
  const [writer, reader, other] = [0, 1, 2].map((vm) => guestOf(machine, vm)) as [Guest, Guest, Guest];
  assert.equal(reader.load(ipa), 0n);
  writer.store(SHARED_BASE + 0x1f_fff8, 0x1234_5678n);
  assert.equal(reader.load(ipa + 0x1f_fff8), 0x1234_5678n);
  reader.setSysreg("VBAR_EL1", BigInt(RAM_BASE));
  reader.store(ipa, 99n);
  assert.equal(reader.pc, BigInt(RAM_BASE) + 0x200n, "an abort of its own");
  assert.equal(writer.load(SHARED_BASE), 0n);
  for (const guest of [writer, reader]) assert.equal(guest.fetch(guest === writer ? SHARED_BASE : ipa), false, "no code");
  assert.ok("fault" in other.translate(SHARED_BASE));
});

test("a shared region outlives the VMs that have it", () => {
  const shared = [{ name: "common", size: 2 * MIB }];
  const vm = { shared: [{ region: "common", readOnly: false }] };
  const machine = startSystem({ cpus: 2, shared, vms: [{ ...vm, controller: true }, vm] });
  guestOf(machine, 1).store(SHARED_BASE, 77n);
  call(guestOf(machine, 0), "HL_VM_DESTROY", 1);
  assert.equal(guestOf(machine, 0).load(SHARED_BASE), 77n);
  call(guestOf(machine, 0), "HL_VM_CREATE", 1);
  call(guestOf(machine, 0), "HL_VM_START", 1);
  assert.equal(guestOf(machine, 1).load(SHARED_BASE), 77n);
});

test("stolen time: what a vCPU has waited for a CPU, in nanoseconds, in a page that it cannot write", () => {
  const machine = startSystem({ cpus: 1, vms: [{}, {}] });
  for (const vm of [0, 1]) {
    if (machine.running(vm) === undefined) machine.run.advance(5n * MS);
    const guest = guestOf(machine, vm);
    guest.setSysreg("SCTLR_EL1", guest.sysreg("SCTLR_EL1") | SCTLR_C);
    assert.equal(call(guest, "PV_TIME_ST"), BigInt(STOLEN_BASE));
  }
  const at = (): bigint[] => {
    const { guest } = machine.cpu(0);
    assert.ok(guest !== undefined);
    return [BigInt(guest.vcpu), guest.load(STOLEN_BASE + 8, { bytes: 8 })];
  };
  const before = new Map<bigint, bigint>();
  for (let n = 0; n < 2; n++) {
    const [vcpu, time] = at();
    before.set(vcpu!, time!);
    machine.run.advance(5n * MS);
  }
  machine.run.advance(40n * MS);
  for (let n = 0; n < 2; n++) {
    const [vcpu, time] = at();
    assert.equal(time! - before.get(vcpu!)!, 25_000_000n, "five turns of the other, 5 ms each");
    machine.run.advance(5n * MS);
  }
  const { guest } = machine.cpu(0);
  guest?.setSysreg("VBAR_EL1", BigInt(RAM_BASE));
  guest?.store(STOLEN_BASE + 8, 0n, { bytes: 8 });
  assert.equal(guest?.pc, BigInt(RAM_BASE) + 0x200n);
  assert.equal(guest?.load(STOLEN_BASE + STOLEN_STRIDE, { bytes: 8 }), 0n);
});
