// The policy of proportional shares with caps: virtual time passes for a vCPU that runs, the slower the larger its share; the one with the least is next.
// A VM's share is divided among its vCPUs. A cap bounds what a VM gets in each period, whoever else wants the CPU.

import { MAX_SHARE } from "../../build/gen/bundle";
import { NEVER } from "../drivers/timer";
import { Vcpu, Vm } from "../vm/records";
import { isEligible, List } from "./list";

@unmanaged
class Shares {
  /** Those that wait, by virtual time. */
  first: Vcpu;
  last: Vcpu;
  /** The virtual time of the vCPU that was chosen last: who comes back from a long sleep starts near it. */
  reached: u64;
}
const shares = changetype<Shares>(memory.data(16, 8));

function waiting(): List {
  return changetype<List>(shares);
}

/** A span of time as the virtual time of a vCPU. */
function virtual(vm: Vm, counts: u64): u64 {
  return (counts * (MAX_SHARE * vm.vcpus)) / vm.share;
}

/** `slice`: the length of one. */
export function enqueue(vcpu: Vcpu, slice: u64): void {
  const head = virtual(vcpu.vm, slice);
  const least = shares.reached > head ? shares.reached - head : 0;
  vcpu.virtualTime = max<u64>(vcpu.virtualTime, least);
  let next = changetype<Vcpu>(0);
  let previous = shares.last;
  while (changetype<usize>(previous) != 0 && previous.virtualTime > vcpu.virtualTime) {
    next = previous;
    previous = previous.previous;
  }
  waiting().insert(vcpu, next);
}

export function dequeue(vcpu: Vcpu): void {
  waiting().remove(vcpu);
  shares.reached = max<u64>(shares.reached, vcpu.virtualTime);
}

/** The one with the least virtual time that CPU `number` may run; null: none. */
export function best(number: u32): Vcpu {
  let vcpu = shares.first;
  while (changetype<usize>(vcpu) != 0 && !isEligible(vcpu, number)) vcpu = vcpu.next;
  return vcpu;
}

/** Whether a waiting vCPU takes the CPU from the one that runs. */
export function preempts(other: Vcpu, running: Vcpu, slice: u64): bool {
  if (running.slice == 0) return other.virtualTime <= running.virtualTime;
  return other.virtualTime + virtual(other.vm, slice) < running.virtualTime;
}

/** Time has passed on a CPU. */
export function charge(vcpu: Vcpu, counts: u64): void {
  vcpu.virtualTime += virtual(vcpu.vm, counts);
}

/** What a vCPU may run in each period of `period` counts; NEVER: it has no cap. */
export function budget(vcpu: Vcpu, period: u64): u64 {
  const vm = vcpu.vm;
  return vm.cap == 0 ? NEVER : (period * vm.cap) / (100 * vm.vcpus);
}

/** Counts towards the cap what a vCPU has run in the period that `now` lies in; what was too much in earlier ones is paid back. */
export function spend(vcpu: Vcpu, counts: u64, now: u64, period: u64): void {
  const current = now / period;
  const passed = current - vcpu.capPeriod;
  const granted = budget(vcpu, period);
  if (granted == NEVER) return;
  const earned = passed > 1000 ? NEVER : passed * granted;
  vcpu.capUsed = (vcpu.capUsed > earned ? vcpu.capUsed - earned : 0) + counts;
  vcpu.capPeriod = current;
}
