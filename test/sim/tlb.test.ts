// The simulator's rules about TLBs and barriers with several VMs and CPUs: a check that never fails is none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Violation } from "../../sim/faults.ts";
import { Order } from "../../sim/order.ts";
import { Tlb } from "../../sim/tlb.ts";

const [ROOT, OTHER_ROOT] = [0x4500_0000, 0x4510_0000];
const [VCPU, OTHER_VCPU] = [0x2_0000, 0x2_1000];
const ENTRY = ROOT + 8;
const VALID = 0x4000_0401n;

const violates = (action: () => unknown, message: RegExp): void => {
  assert.throws(action, (error) => error instanceof Violation && message.test(error.message));
};

/** VMID 1 has run on CPU 0. */
const used = (): Tlb => {
  const tlb = new Tlb();
  tlb.enter(0, { vmid: 1, root: ROOT }, VCPU);
  tlb.leave(0);
  return tlb;
};

test("a VMID with other tables is invalidated first", () => {
  const tlb = used();
  const again = (): void => tlb.enter(1, { vmid: 1, root: OTHER_ROOT }, VCPU);
  violates(again, /VMID 1 is used with the tables at 0x45100000/);
  tlb.invalidate(2);
  violates(again, /VMID 1/);
  tlb.invalidate(1);
  again();
});

test("a first table that was given back meanwhile is another one, wherever it lies", () => {
  const tlb = used();
  tlb.release(ROOT);
  const again = (): void => tlb.enter(0, { vmid: 1, root: ROOT }, VCPU);
  violates(again, /VMID 1/);
  tlb.invalidate();
  again();
});

test("what another CPU runs on comes back behind an invalidation", () => {
  const tlb = used();
  tlb.enter(1, { vmid: 1, root: ROOT }, VCPU);
  tlb.invalidate(1);
  violates(() => tlb.enter(0, { vmid: 1, root: OTHER_ROOT }, VCPU), /VMID 1/);
});

test("a CPU that goes from a vCPU to another one of the same VM invalidates their stage 1", () => {
  const tlb = used();
  const other = [{ vmid: 1, root: ROOT }, OTHER_VCPU] as const;
  violates(() => tlb.enter(0, ...other), /keeps its stage 1/);
  tlb.enter(1, ...other);
  tlb.invalidateStage1(1, 1);
  violates(() => tlb.enter(0, ...other), /keeps its stage 1/);
  tlb.invalidateStage1(0, 1);
  tlb.enter(0, ...other);
});

test("what is changed in one VM's tables does not keep another VM from running", () => {
  const order = new Order();
  order.writeStage2(ENTRY, VALID, 0n, ROOT);
  order.enterGuest(OTHER_ROOT);
  violates(() => order.enterGuest(ROOT), /entry at 0x45000008/);
});

test("the barriers of another CPU do not count until the exit is over that made the change", () => {
  const order = new Order();
  order.writeStage2(ENTRY, 0n, VALID, ROOT);
  order.cpu = 1;
  order.dsb(true);
  violates(() => order.enterGuest(ROOT), /only written/);
  order.cpu = 0;
  order.leave();
  order.cpu = 1;
  order.dsb(true);
  order.enterGuest(ROOT);
});

test("an invalidation of another VMID does not count", () => {
  const order = new Order();
  order.tlb.enter(1, { vmid: 1, root: ROOT }, VCPU);
  order.writeStage2(ENTRY, VALID, 0n, ROOT);
  order.dsb(true);
  order.invalidate({ vmid: 2, root: OTHER_ROOT });
  order.dsb(false);
  violates(() => order.enterGuest(ROOT), /only published/);
  order.invalidate({ vmid: 1, root: ROOT });
  order.dsb(false);
  order.enterGuest(ROOT);
});

test("tables that no VMID was used with since are in no TLB: they are cleared without an invalidation", () => {
  const order = new Order();
  order.writeStage2(ENTRY, VALID, 0n, ROOT);
  violates(() => order.enterGuest(ROOT), /only written/);
  order.dsb(true);
  order.enterGuest(ROOT);
  order.tlb.enter(0, { vmid: 1, root: ROOT }, VCPU);
  order.writeStage2(ENTRY, VALID, 0n, ROOT);
  order.dsb(true);
  violates(() => order.enterGuest(ROOT), /only published/);
});

test("an invalidation is waited for: by dsb nsh if it is this CPU's own alone", () => {
  const order = new Order();
  order.invalidateStage1(1);
  violates(() => order.enterGuest(ROOT), /before the dsb/);
  order.dsbOwn();
  order.enterGuest(ROOT);
  order.invalidate({ vmid: 1, root: ROOT });
  order.dsbOwn();
  violates(() => order.enterGuest(ROOT), /before the dsb/);
  order.dsb(true);
  violates(() => order.enterGuest(ROOT), /before the dsb/);
  order.dsb(false);
  order.enterGuest(ROOT);
});
