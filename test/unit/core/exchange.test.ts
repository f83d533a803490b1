// What a CPU that changes its vCPU leaves behind: nothing of the one that goes, neither in list registers nor in the state of the GIC's virtual interface
// (Arm IHI 0069, 12.4), whatever happens in the very moment of the change.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import { max } from "../../../sim/cpu-model.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { call } from "./call.ts";

const ENTRY = BigInt(RAM_BASE + 0x8_0000);
const { GICD_BASE, GICR_BASE } = guestMachine;
const { CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTPCT_EL0, ICC_SGI1R_EL1 } = trappedRegisters;

/** Group 1 on, all private interrupts of vCPU 0 in it and enabled. */
const open = (guest: Guest): void => {
  guest.store(GICD_BASE, 0x12n);
  guest.store(GICR_BASE + 0x1_0080, 0xffff_ffffn);
  guest.store(GICR_BASE + 0x1_0100, 0xffff_ffffn);
  guest.openInterrupts();
};

const running = (machine: Machine, vm: number, vcpu = 0): Guest => {
  const guest = machine.running(vm, vcpu);
  assert.ok(guest !== undefined, `vCPU ${vcpu} of VM ${vm} runs`);
  return guest;
};

/** INTIDs that the CPU's list registers hold. */
const listed = (machine: Machine): number[] =>
  Array.from({ length: 4 }, (_, n) => machine.virtual.readList(n))
    .filter((lr) => lr >> 62n !== 0n)
    .map((lr) => Number(lr & 0xffff_ffffn));

test("a physical timer that comes while its vCPU leaves the CPU is not seen by the next one", () => {
  const machine = startSystem({ cpus: 1, vms: [{}, {}] });
  const first = running(machine, 0);
  open(first);
  first.msr(CNTP_CVAL_EL0, first.mrs(CNTPCT_EL0) + 100n);
  first.msr(CNTP_CTL_EL0, 1n);
  // The time comes behind the exit, before the interrupt of EL2's own timer is taken.
  machine.counter.count += 100n;
  call(first, "HL_YIELD");
  const second = running(machine, 1);
  assert.deepEqual(listed(machine), []);
  open(second);
  assert.equal(second.acknowledge(), 1023);
  call(second, "HL_YIELD");
  assert.equal(running(machine, 0).acknowledge(), 30);
});

test("what a guest has in its DISR_EL1 on a CPU with RAS is not seen by the next one", () => {
  const machine = startSystem({ cpus: 1, machine: { cpu: max }, vms: [{}, {}] });
  const first = running(machine, 0);
  first.setSysreg("VDISR_EL2", 0x8000_0001n);
  call(first, "HL_YIELD");
  assert.equal(running(machine, 1).sysreg("VDISR_EL2"), 0n);
});

test("a CPU whose vCPU goes with more pending interrupts than there are list registers has peace", () => {
  for (const leave of ["PSCI_CPU_OFF", "PSCI_SYSTEM_RESET"]) {
    const machine = startSystem({ cpus: 2, vms: [{ vcpus: 2, affinity: [0] }, { affinity: [1] }] });
    const first = running(machine, 0);
    open(first);
    call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0);
    for (let intid = 0n; intid < 8n; intid++) first.msr(ICC_SGI1R_EL1, (intid << 24n) | 1n);
    assert.equal(listed(machine).length, 4);
    call(first, leave);
    call(running(machine, 0, leave === "PSCI_CPU_OFF" ? 1 : 0), "PSCI_CPU_SUSPEND_64", 0, 0, 0);
    assert.equal(machine.virtual.maintenance, false, leave);
  }
});

test("what a vCPU has ended without a list register is ended once, and for itself alone", () => {
  const machine = startSystem({ cpus: 1, vms: [{}, {}] });
  const first = running(machine, 0);
  open(first);
  for (let intid = 0n; intid < 8n; intid++) first.msr(ICC_SGI1R_EL1, (intid << 24n) | 1n);
  assert.equal(first.acknowledge(), 0);
  call(first, "HL_YIELD");
  const second = running(machine, 1);
  open(second);
  second.msr(ICC_SGI1R_EL1, (9n << 24n) | 1n);
  assert.equal(second.acknowledge(), 9);
  call(second, "HL_YIELD");
  // Six of eight are active, so that 0 has no list register when it ends.
  running(machine, 0).store(GICR_BASE + 0x1_0300, 0b1111_1100n);
  for (let n = 0; n < 8; n++) first.store(GICR_BASE + 0x1_0400 + n, n === 0 ? 0x80n : 0x40n, { bytes: 1 });
  first.cpu.virtual.end(1, 0);
  call(first, "HL_YIELD");
  assert.equal(running(machine, 1).load(GICR_BASE + 0x1_0300), 1n << 9n, "it is still active");
});

test("timers that come while their vCPU comes back cost none of its other interrupts", () => {
  const machine = startSystem({ cpus: 1, vms: [{}, {}] });
  const first = running(machine, 0);
  open(first);
  first.setSysreg("CNTV_CVAL_EL0", first.cpu.timer.virtualCount + 100n);
  first.setSysreg("CNTV_CTL_EL0", 1n);
  first.msr(CNTP_CVAL_EL0, first.mrs(CNTPCT_EL0) + 100n);
  first.msr(CNTP_CTL_EL0, 1n);
  first.msr(ICC_SGI1R_EL1, (3n << 24n) | 1n);
  call(first, "HL_YIELD");
  machine.counter.count += 100n;
  call(running(machine, 1), "HL_YIELD");
  assert.equal(running(machine, 0), first);
  const taken: number[] = [];
  for (let intid = first.acknowledge(); intid !== 1023; intid = first.acknowledge()) {
    taken.push(intid);
    if (intid === 27) first.setSysreg("CNTV_CTL_EL0", 0n);
    if (intid === 30) first.msr(CNTP_CTL_EL0, 0n);
    first.end(intid);
  }
  assert.deepEqual(taken, [3, 27, 30]);
});

test("a physical timer whose time has gone back with a pause is quiet again", () => {
  const machine = startSystem({ cpus: 2, vms: [{ controller: true, affinity: [0] }, { affinity: [1] }] });
  machine.run.advance(1000n);
  const first = running(machine, 1);
  open(first);
  first.msr(CNTP_CVAL_EL0, first.mrs(CNTPCT_EL0) + 1000n);
  first.msr(CNTP_CTL_EL0, 1n);
  const controller = running(machine, 0);
  call(controller, "HL_VM_PAUSE", 1);
  machine.run.advance(5000n);
  call(controller, "HL_VM_RESUME", 1);
  assert.equal(running(machine, 1).acknowledge(), 1023);
  machine.run.advance(1000n);
  assert.equal(first.acknowledge(), 30);
});
