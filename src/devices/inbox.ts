// What others have for a vCPU, wherever it is: SGIs of group 1 and the news that its words have changed. It is filled without the VM's lock; whoever
// brings the vCPU's list registers in step empties it (vgic.ts).

import * as atomic from "../hal/atomic";
import * as cpus from "../sched/cpus";
import { Request } from "../sched/cpus";
import * as sched from "../sched/sched";
import { Vcpu, VcpuState } from "../vm/records";

/** Bits of an inbox: SGIs of group 1, and that words have changed. */
export const INBOX_SGIS: u32 = 0xffff;
export const INBOX_LOOK: u32 = 0x10000;

/**
 * Has a vCPU see what is in its inbox: it is woken, or its CPU is interrupted, which is what this returns. One that is loaded nowhere sees it when it is.
 */
export function deliver(vcpu: Vcpu, bits: u32): bool {
  const at = changetype<usize>(vcpu);
  if ((atomic.or32(at + offsetof<Vcpu>("inbox"), bits) & bits) == bits) return false;
  if (atomic.load32(at + offsetof<Vcpu>("state")) == VcpuState.BLOCKED && sched.wake(vcpu)) return false;
  const on = atomic.load32(at + offsetof<Vcpu>("loadedOn"));
  return on != 0 && cpus.request(cpus.at(on - 1), Request.LOOK);
}
