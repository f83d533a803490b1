// A doubly linked list of vCPUs that wait for a CPU: the links are in their records.

import { Vcpu } from "../vm/records";

@unmanaged
export class List {
  first: Vcpu;
  last: Vcpu;

  /** Inserts before `next`; null: at the end. */
  insert(vcpu: Vcpu, next: Vcpu): void {
    const previous = changetype<usize>(next) == 0 ? this.last : next.previous;
    vcpu.next = next;
    vcpu.previous = previous;
    if (changetype<usize>(previous) == 0) this.first = vcpu;
    else previous.next = vcpu;
    if (changetype<usize>(next) == 0) this.last = vcpu;
    else next.previous = vcpu;
  }

  remove(vcpu: Vcpu): void {
    if (changetype<usize>(vcpu.previous) == 0) this.first = vcpu.next;
    else vcpu.previous.next = vcpu.next;
    if (changetype<usize>(vcpu.next) == 0) this.last = vcpu.previous;
    else vcpu.next.previous = vcpu.previous;
  }
}

/** Whether CPU `number` may run a waiting vCPU: its VM may be there, and no other CPU holds its registers. */
export function isEligible(vcpu: Vcpu, number: u32): bool {
  return ((vcpu.vm.affinity >> number) & 1) != 0 && (vcpu.loadedOn == 0 || vcpu.loadedOn == number + 1);
}
