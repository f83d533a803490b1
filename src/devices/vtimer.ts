// The guest's time. Its virtual counter is the CPU's, its virtual timer too: the board's interrupt is linked to the guest's (vgic.ts). The
// physical counter traps and shows the same count; the physical timer is emulated against it with EL2's own timer (Arm ARM D11.2).

import { CNT_CTL_ENABLE, CNT_CTL_IMASK, CNT_CTL_ISTATUS } from "../../build/gen/controls";
import { PTIMER_INTID } from "../../build/gen/guest";
import * as timer from "../drivers/timer";
import { Vcpu } from "../vm/records";
import * as vgic from "./vgic";
import * as vrtc from "./vrtc";

/** The VM's count. */
export function count(vcpu: Vcpu): u64 {
  return timer.now() - vcpu.vm.countOffset;
}

/** Whether the condition of the physical timer is met. */
function met(vcpu: Vcpu): bool {
  return count(vcpu) >= vcpu.cntpCval;
}

/** Brings line and EL2's timer in step with the registers: the next deadline of this vCPU and of its VM's clock. */
export function update(vcpu: Vcpu): void {
  const live = (vcpu.cntpCtl & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) == CNT_CTL_ENABLE;
  const fires = live && met(vcpu);
  vgic.setLine(vcpu, PTIMER_INTID, fires);
  let deadline = vrtc.deadline(vcpu.vm);
  if (live && !fires) {
    const at = vcpu.cntpCval + vcpu.vm.countOffset;
    // A compare value beyond the end of the board's count never comes.
    if (at >= vcpu.cntpCval) deadline = min<u64>(deadline, at);
  }
  timer.arm(deadline);
}

export function control(vcpu: Vcpu): u64 {
  const enabled = (vcpu.cntpCtl & CNT_CTL_ENABLE) != 0;
  return (vcpu.cntpCtl | (enabled && met(vcpu) ? CNT_CTL_ISTATUS : 0)) as u64;
}
export function setControl(vcpu: Vcpu, value: u64): void {
  vcpu.cntpCtl = (value as u32) & (CNT_CTL_ENABLE | CNT_CTL_IMASK);
  update(vcpu);
}
export function setCompare(vcpu: Vcpu, value: u64): void {
  vcpu.cntpCval = value;
  update(vcpu);
}
/** CNTP_TVAL: the compare value as a signed distance of 32 bits. */
export function distance(vcpu: Vcpu): u64 {
  return (vcpu.cntpCval - count(vcpu)) & 0xffffffff;
}
export function setDistance(vcpu: Vcpu, value: u64): void {
  setCompare(vcpu, count(vcpu) + (value as i32 as i64 as u64));
}
