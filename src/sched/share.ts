// The policy of proportional shares with caps: virtual time passes for a vCPU that runs, the slower the larger its share; the one with the least is next.
// A VM's share is divided among its vCPUs. A cap bounds what a VM gets in each period, whoever else wants the CPU. Virtual times are compared by their
// signed difference, so that they may overflow.

import { MAX_SHARE } from "../../build/gen/bundle";
import { NEVER } from "../drivers/timer";
import { Vcpu, VcpuState, Vm } from "../vm/records";
import * as cpus from "./cpus";
import { isEligible, isNobody, List, NOBODY } from "./list";

/** Periods for which a vCPU whose cap is used up waits at most: that its CPU was long in the hypervisor, or stopped, is not its doing. */
const DEBT: u64 = 10;

/** Those that wait, by virtual time. */
const waiting = changetype<List>(memory.data(8, 4));

/** A span of time as the virtual time of a vCPU: of however many counts, without an overflow on the way. */
function virtual(vm: Vm, counts: u64): u64 {
  const factor: u64 = MAX_SHARE * vm.vcpus;
  return (counts / vm.share) * factor + ((counts % vm.share) * factor) / vm.share;
}

function isBefore(a: u64, b: u64): bool {
  return ((a - b) as i64) < 0;
}

/** The virtual time of a vCPU, with what it has run since it was last charged. */
function timeOf(vcpu: Vcpu, now: u64): u64 {
  return vcpu.state == VcpuState.RUNNING ? vcpu.virtualTime + virtual(vcpu.vm, now - vcpu.since) : vcpu.virtualTime;
}

/** Of those that run on a CPU, or wait and may run there, the one with the least virtual time; null: there is none. */
function foremost(number: u32, now: u64): Vcpu {
  let least = waiting.first;
  while (!isNobody(least) && ((least.vm.affinity >> number) & 1) == 0) least = least.next;
  const current = cpus.at(number).current;
  if (isNobody(current) || current.state != VcpuState.RUNNING) return least;
  if (isNobody(least) || isBefore(timeOf(current, now), least.virtualTime)) least = current;
  return least;
}

/**
 * Places a vCPU that comes back, or is new, among those that it will meet: a slice before or behind them at most, so that it neither makes up for the time
 * it was away nor pays for what it had while nobody else wanted it. Of the CPUs that it may run on it will meet those that are farthest.
 */
export function rejoin(vcpu: Vcpu, slice: u64, now: u64): void {
  let met = NOBODY;
  for (let bits = vcpu.vm.affinity; bits != 0; bits &= bits - 1) {
    const other = foremost(ctz<u32>(bits), now);
    if (!isNobody(other) && (isNobody(met) || isBefore(timeOf(met, now), timeOf(other, now)))) met = other;
  }
  if (isNobody(met)) return;
  const span = virtual(vcpu.vm, slice);
  const time = timeOf(met, now);
  if (isBefore(vcpu.virtualTime, time - span)) vcpu.virtualTime = time - span;
  else if (isBefore(time + span, vcpu.virtualTime)) vcpu.virtualTime = time + span;
}

export function enqueue(vcpu: Vcpu): void {
  let next = NOBODY;
  let previous = waiting.last;
  while (!isNobody(previous) && isBefore(vcpu.virtualTime, previous.virtualTime)) {
    next = previous;
    previous = previous.previous;
  }
  waiting.insert(vcpu, next);
}

export function dequeue(vcpu: Vcpu): void {
  waiting.remove(vcpu);
}

/** The one with the least virtual time that CPU `number` may run; null: none. */
export function best(number: u32): Vcpu {
  let vcpu = waiting.first;
  while (!isNobody(vcpu) && !isEligible(vcpu, number)) vcpu = vcpu.next;
  return vcpu;
}

/** Whether a waiting vCPU takes the CPU from the one that runs. */
export function preempts(other: Vcpu, running: Vcpu, slice: u64): bool {
  if (running.slice == 0) return !isBefore(running.virtualTime, other.virtualTime);
  return isBefore(other.virtualTime + virtual(other.vm, slice), running.virtualTime);
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

/** Counts towards the cap what a vCPU has run in the period that `now` lies in; what was too much in earlier ones is paid back, up to a limit. */
export function spend(vcpu: Vcpu, counts: u64, now: u64, period: u64): void {
  const current = now / period;
  const passed = current - vcpu.capPeriod;
  const granted = budget(vcpu, period);
  if (granted == NEVER) return;
  const earned = passed > 1000 ? NEVER : passed * granted;
  const inCurrent = min<u64>(counts, now % period);
  const before = vcpu.capUsed + (counts - inCurrent);
  vcpu.capUsed = min<u64>((before > earned ? before - earned : 0) + inCurrent, granted * DEBT);
  vcpu.capPeriod = current;
}
