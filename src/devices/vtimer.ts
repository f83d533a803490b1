// The guest's time. Its virtual counter is the CPU's, its virtual timer too: the board's interrupt is linked to the guest's (vgic.ts). The
// physical counter traps and shows the same count; the physical timer is emulated against it (Arm ARM D11.2). While a vCPU is loaded nowhere, EL2's
// own timer stands for both.

import { CNT_CTL_ENABLE, CNT_CTL_IMASK, CNT_CTL_ISTATUS } from "../../build/gen/controls";
import { VM_PAUSED } from "../../build/gen/calls";
import { PTIMER_INTID } from "../../build/gen/guest";
import * as timer from "../drivers/timer";
import { NEVER } from "../drivers/timer";
import * as sched from "../sched/sched";
import { Vcpu, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as guard from "./guard";
import * as vgic from "./vgic";
import * as vrtc from "./vrtc";

/** The VM's count. */
export function count(vcpu: Vcpu): u64 {
  return timer.now() - vcpu.vm.countOffset;
}

function isLive(control: u32): bool {
  return (control & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) == CNT_CTL_ENABLE;
}

/** The board's count at which a compare value of a VM's count is reached; NEVER for one that lies beyond the end of the board's count. */
function boardCount(vm: Vm, compare: u64): u64 {
  const at = compare + vm.countOffset;
  return at < compare ? NEVER : at;
}

/**
 * When the next of the deadlines that EL2 keeps for a vCPU comes: its physical timer, its virtual one while it is in the record, and for the first vCPU its
 * VM's clock. Sets the lines of those that have come.
 */
function deadline(vcpu: Vcpu): u64 {
  const live = isLive(vcpu.cntpCtl);
  const fires = live && count(vcpu) >= vcpu.cntpCval;
  vgic.setPrivateLine(vcpu, PTIMER_INTID, fires);
  let next = NEVER;
  if (vcpu.id == 0) {
    vrtc.update(vcpu.vm);
    next = vrtc.deadline(vcpu.vm);
  }
  if (vcpu.timerSaved != 0 && isSet(vcpu)) next = min<u64>(next, boardCount(vcpu.vm, vcpu.cntvCvalEl0));
  return live && !fires ? min<u64>(next, boardCount(vcpu.vm, vcpu.cntpCval)) : next;
}

/** Brings lines and EL2's timer in step with the registers. The VM's lock is held. */
function update(vcpu: Vcpu): void {
  sched.setTimer(vcpu, deadline(vcpu));
}

/** The VM's clock has changed: the first vCPU's deadlines are its. The VM's lock is held. */
export function updateClock(vm: Vm): void {
  update(table.vcpu(vm, 0));
}

/** A VM goes on after a pause, behind which its deadlines may lie elsewhere. Its lock is held. */
export function resumed(vm: Vm): void {
  for (let n: u32 = 0; n < vm.vcpus; n++) update(table.vcpu(vm, n));
}

/** One of the deadlines of a vCPU has come. While its VM's time stands still none has. */
export function expired(vcpu: Vcpu): void {
  guard.enter(vcpu.vm);
  if (vcpu.vm.state == VM_PAUSED && vcpu.vm.timeRuns == 0) {
    guard.leave(vcpu.vm);
    return;
  }
  // That of the virtual timer has done its part when the vCPU is awake: it finds its interrupt when it is loaded.
  const saved = vcpu.timerSaved;
  vcpu.timerSaved = 0;
  update(vcpu);
  vcpu.timerSaved = saved;
  if (saved != 0) vgic.look(vcpu);
  guard.leave(vcpu.vm);
}

/** Whether the virtual timer in a vCPU's record may fire. */
export function isSet(vcpu: Vcpu): bool {
  return isLive(vcpu.cntvCtlEl0 as u32);
}

/** A vCPU's EL1 registers have come into its record: EL2's timer stands for its virtual one, if that is set. The VM's lock is held. */
export function saved(vcpu: Vcpu): void {
  vcpu.timerSaved = 1;
  if (isSet(vcpu)) sched.addTimer(vcpu, boardCount(vcpu.vm, vcpu.cntvCvalEl0));
}

/** They have gone from there into this CPU. The VM's lock is held. */
export function loaded(vcpu: Vcpu): void {
  vcpu.timerSaved = 0;
  if (isSet(vcpu) || isLive(vcpu.cntpCtl)) update(vcpu);
}

export function control(vcpu: Vcpu): u64 {
  const enabled = (vcpu.cntpCtl & CNT_CTL_ENABLE) != 0;
  return (vcpu.cntpCtl | (enabled && count(vcpu) >= vcpu.cntpCval ? CNT_CTL_ISTATUS : 0)) as u64;
}
export function setControl(vcpu: Vcpu, value: u64): void {
  guard.enter(vcpu.vm);
  vcpu.cntpCtl = (value as u32) & (CNT_CTL_ENABLE | CNT_CTL_IMASK);
  update(vcpu);
  guard.leave(vcpu.vm);
}
export function setCompare(vcpu: Vcpu, value: u64): void {
  guard.enter(vcpu.vm);
  vcpu.cntpCval = value;
  update(vcpu);
  guard.leave(vcpu.vm);
}
/** CNTP_TVAL: the compare value as a signed distance of 32 bits. */
export function distance(vcpu: Vcpu): u64 {
  return (vcpu.cntpCval - count(vcpu)) & 0xffffffff;
}
export function setDistance(vcpu: Vcpu, value: u64): void {
  setCompare(vcpu, count(vcpu) + (value as i32 as i64 as u64));
}
