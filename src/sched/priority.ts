// The policy of fixed priorities: the highest runs, round robin within one. A queue for each priority, and one bit for each queue that is not empty.

import { Vcpu } from "../vm/records";
import { isEligible, isNobody, List, NOBODY } from "./list";

const queues: usize = memory.data(256, 8);
const filled: usize = memory.data(4, 4);

function queue(priority: u32): List {
  return changetype<List>(queues + priority * offsetof<List>());
}

/** `first`: before the others of its priority: it was interrupted within its slice. */
export function enqueue(vcpu: Vcpu, first: bool): void {
  const priority = vcpu.vm.priority;
  queue(priority).insert(vcpu, first ? queue(priority).first : NOBODY);
  store<u32>(filled, load<u32>(filled) | ((1 as u32) << priority));
}

export function dequeue(vcpu: Vcpu): void {
  const priority = vcpu.vm.priority;
  queue(priority).remove(vcpu);
  if (isNobody(queue(priority).first)) store<u32>(filled, load<u32>(filled) & ~((1 as u32) << priority));
}

/** The most urgent that CPU `number` may run; null: none. */
export function best(number: u32): Vcpu {
  for (let bits = load<u32>(filled); bits != 0; ) {
    const priority = 31 - clz<u32>(bits);
    let vcpu = queue(priority).first;
    while (!isNobody(vcpu) && !isEligible(vcpu, number)) vcpu = vcpu.next;
    if (!isNobody(vcpu)) return vcpu;
    bits &= ~((1 as u32) << priority);
  }
  return NOBODY;
}

/** Whether a waiting vCPU takes the CPU from the one that runs. */
export function preempts(waiting: Vcpu, running: Vcpu): bool {
  const mine = running.vm.priority;
  return waiting.vm.priority > mine || (waiting.vm.priority == mine && running.slice == 0);
}

/** Whether the running vCPU has to share its CPU with the waiting one, turn by turn. */
export function takesTurns(waiting: Vcpu, running: Vcpu): bool {
  return waiting.vm.priority == running.vm.priority;
}
