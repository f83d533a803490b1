// A doubly linked list of vCPUs that wait for a CPU: the links are in their records.

import * as atomic from "../hal/atomic";
import { Vcpu } from "../vm/records";

/** No vCPU. */
export const NOBODY = changetype<Vcpu>(0);

export function isNobody(vcpu: Vcpu): bool {
  return changetype<usize>(vcpu) == 0;
}

@unmanaged
export class List {
  first: Vcpu;
  last: Vcpu;

  /** Inserts before `next`; null: at the end. */
  insert(vcpu: Vcpu, next: Vcpu): void {
    const previous = isNobody(next) ? this.last : next.previous;
    vcpu.next = next;
    vcpu.previous = previous;
    if (isNobody(previous)) this.first = vcpu;
    else previous.next = vcpu;
    if (isNobody(next)) this.last = vcpu;
    else next.previous = vcpu;
  }

  remove(vcpu: Vcpu): void {
    if (isNobody(vcpu.previous)) this.first = vcpu.next;
    else vcpu.previous.next = vcpu.next;
    if (isNobody(vcpu.next)) this.last = vcpu.previous;
    else vcpu.next.previous = vcpu.previous;
  }
}

/** The CPU that holds a vCPU's registers, plus one; 0: none. It lets go of them without the scheduler's lock. */
export function loadedOn(vcpu: Vcpu): u32 {
  return atomic.load32(changetype<usize>(vcpu) + offsetof<Vcpu>("loadedOn"));
}

/** Whether CPU `number` may run a waiting vCPU: its VM may be there, and no other CPU holds its registers. */
export function isEligible(vcpu: Vcpu, number: u32): bool {
  if (((vcpu.vm.affinity >> number) & 1) == 0) return false;
  const on = loadedOn(vcpu);
  return on == 0 || on == number + 1;
}
