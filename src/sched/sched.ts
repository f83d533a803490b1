// Which vCPU runs where. A vCPU that is READY waits in the queues of the system's policy, unless its VM is paused; the CPUs take from there what they
// may run. Whoever makes a vCPU ready also picks the CPU that has to look.

import { POLICY_SHARE } from "../../build/gen/bundle";
import { VM_PAUSED, VM_RUNNING } from "../../build/gen/calls";
import { LOCK_SCHEDULER } from "../../build/gen/locks";
import * as timer from "../drivers/timer";
import { NEVER } from "../drivers/timer";
import * as atomic from "../hal/atomic";
import * as sysreg from "../hal/sysreg";
import * as locks from "../lib/lock";
import { Lock } from "../lib/lock";
import { Vcpu, VcpuState, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as work from "../vm/work";
import * as cpus from "./cpus";
import { Cpu, Request, Resched } from "./cpus";
import * as deadlines from "./deadlines";
import { isNobody, loadedOn, NOBODY } from "./list";
import * as priority from "./priority";
import * as share from "./share";

@unmanaged
class Scheduler {
  policy: u32;
  /** CPUs that have nothing to run and have not been told that there is something: one bit each. */
  idle: u32;
  /** Counts: a slice, and the period of caps. */
  slice: u64;
  period: u64;
}
const scheduler = changetype<Scheduler>(memory.data(24, 8));
const lock = changetype<Lock>(memory.data<u32>([0, 0, LOCK_SCHEDULER], 8));

/** Caps are counted over 100 ms. */
const PERIODS_A_SECOND: u64 = 10;
const MICROSECONDS: u64 = 1000000;

/** Once, before any vCPU is ready. `slice`: microseconds. */
export function init(policy: u32, slice: u64): void {
  const frequency = max<u64>(sysreg.readCntfrqEl0(), PERIODS_A_SECOND);
  scheduler.policy = policy;
  scheduler.slice = max<u64>((slice * frequency) / MICROSECONDS, 1);
  scheduler.period = frequency / PERIODS_A_SECOND;
}

export function enter(): void {
  locks.acquire(lock);
}
export function leave(): void {
  locks.release(lock);
}

// --- the policies, by id: who asks several times in a row has read it once

/** Whether it waits is read by the CPU that lets go of it, without the lock. */
function setQueued(vcpu: Vcpu, queued: u32): void {
  atomic.store32(changetype<usize>(vcpu) + offsetof<Vcpu>("queued"), queued);
}

function enqueue(policy: u32, vcpu: Vcpu, first: bool): void {
  setQueued(vcpu, 1);
  if (policy == POLICY_SHARE) share.enqueue(vcpu);
  else priority.enqueue(vcpu, first);
}

/** One that is in a queue. */
function dequeue(policy: u32, vcpu: Vcpu): void {
  setQueued(vcpu, 0);
  if (policy == POLICY_SHARE) share.dequeue(vcpu);
  else priority.dequeue(vcpu);
}

function best(policy: u32, cpu: Cpu): Vcpu {
  return policy == POLICY_SHARE ? share.best(cpu.number) : priority.best(cpu.number);
}

function preempts(policy: u32, waiting: Vcpu, running: Vcpu): bool {
  return policy == POLICY_SHARE ? share.preempts(waiting, running, scheduler.slice) : priority.preempts(waiting, running);
}

function takesTurns(policy: u32, waiting: Vcpu, running: Vcpu): bool {
  return policy == POLICY_SHARE || priority.takesTurns(waiting, running);
}

// --- states

function setState(vcpu: Vcpu, state: VcpuState): void {
  atomic.store32(changetype<usize>(vcpu) + offsetof<Vcpu>("state"), state);
}

/** Whether a VM's ready vCPUs may have CPUs: its vCPU 0 does its work while it is filled or emptied. */
function runs(vcpu: Vcpu): bool {
  return vcpu.vm.state == VM_RUNNING || (vcpu.vm.work != 0 && vcpu.id == 0);
}

function kick(cpu: Cpu): void {
  if (cpu.number == cpus.self().number) cpu.resched = Resched.CHOOSE;
  else cpus.request(cpu, Request.SCHEDULE);
}

/** Finds the CPU that has to look at a vCPU that has become ready: an idle one, one whose vCPU gives way, else all that do not know yet that somebody waits. */
function place(vcpu: Vcpu): void {
  const on = loadedOn(vcpu);
  const allowed: u32 = on != 0 ? (1 as u32) << (on - 1) : vcpu.vm.affinity;
  const idle = scheduler.idle & allowed;
  if (idle != 0) {
    const number = ((idle >> vcpu.lastCpu) & 1) != 0 ? vcpu.lastCpu : ctz<u32>(idle);
    scheduler.idle &= ~((1 as u32) << number);
    kick(cpus.at(number));
    return;
  }
  let weakest = changetype<Cpu>(0);
  for (let bits = allowed; bits != 0; bits &= bits - 1) {
    const cpu = cpus.at(ctz<u32>(bits));
    // One that has been told already, or does not take part, finds out by itself.
    if (isNobody(cpu.current) || !preempts(scheduler.policy, vcpu, cpu.current)) continue;
    if (changetype<usize>(weakest) == 0 || preempts(scheduler.policy, weakest.current, cpu.current)) weakest = cpu;
  }
  if (changetype<usize>(weakest) != 0) {
    kick(weakest);
    return;
  }
  for (let bits = allowed; bits != 0; bits &= bits - 1) {
    const cpu = cpus.at(ctz<u32>(bits));
    if (!isNobody(cpu.current) && cpu.watching == 0) tell(cpu, vcpu);
  }
}

/** Has a CPU take turns with a vCPU that has become ready and does not come before the one that runs there. This one does so without choosing anew. */
function tell(cpu: Cpu, vcpu: Vcpu): void {
  if (cpu.number != cpus.self().number || cpu.resched != Resched.NOTHING) {
    kick(cpu);
    return;
  }
  cpu.watching = 1;
  cpu.resched = Resched.TRAPS;
  if (!takesTurns(scheduler.policy, vcpu, cpu.current)) return;
  cpu.sliceEnd = min<u64>(cpu.sliceEnd, cpu.current.since + cpu.current.slice);
  arm(cpu);
}

/** Queues a vCPU that comes back, from a sleep, a pause or the end of its cap, and finds a CPU for it. */
function admit(vcpu: Vcpu, now: u64): void {
  if (scheduler.policy == POLICY_SHARE) share.rejoin(vcpu, scheduler.slice, now);
  enqueue(scheduler.policy, vcpu, false);
  place(vcpu);
}

/** From OFF or BLOCKED to READY. The lock is held. */
function makeReady(vcpu: Vcpu): void {
  const now = timer.now();
  const on = loadedOn(vcpu);
  // Its CPU may not have noticed yet that it sleeps: what it ran until then counts.
  if (on != 0 && cpus.at(on - 1).current == vcpu) charge(cpus.at(on - 1), vcpu, now);
  setState(vcpu, VcpuState.READY);
  vcpu.since = now;
  if (runs(vcpu) && vcpu.capDeadline == NEVER) admit(vcpu, now);
}

/** Switches a vCPU on, whose record is ready; the VM's lock keeps others from doing the same. */
export function start(vcpu: Vcpu): void {
  enter();
  startLocked(vcpu);
  leave();
}

/** The same; the lock is held. */
function startLocked(vcpu: Vcpu): void {
  vcpu.slice = 0;
  vcpu.capDeadline = NEVER;
  setTimerDeadline(vcpu, NEVER);
  makeReady(vcpu);
}

/** Wakes a vCPU; false: it did not sleep. */
export function wake(vcpu: Vcpu): bool {
  enter();
  const slept = vcpu.state == VcpuState.BLOCKED;
  if (slept) makeReady(vcpu);
  leave();
  return slept;
}

/** The running vCPU waits for an interrupt, unless something has come for it meanwhile, or its VM was taken down. */
export function block(vcpu: Vcpu): void {
  enter();
  if (vcpu.state == VcpuState.RUNNING) {
    setState(vcpu, VcpuState.BLOCKED);
    // Whoever fills the inbox looks at the state afterwards.
    if (atomic.load32(changetype<usize>(vcpu) + offsetof<Vcpu>("inbox")) != 0) setState(vcpu, VcpuState.RUNNING);
    else cpus.self().resched = Resched.CHOOSE;
  }
  leave();
}

/** The running vCPU gives the rest of its slice away, at the choice that must follow. */
export function yieldSlice(vcpu: Vcpu): void {
  vcpu.yields = 1;
}

/** The running vCPU does not run before the board's count of `until`, whatever comes for it. */
export function rest(vcpu: Vcpu, until: u64): void {
  enter();
  if (vcpu.state == VcpuState.RUNNING) {
    vcpu.capDeadline = until;
    deadlines.update(cpus.self(), vcpu);
    cpus.self().resched = Resched.CHOOSE;
  }
  leave();
}

/** Whether a vCPU that this CPU handles still acts for its VM, which may have been taken down meanwhile. The VM's lock is held. */
export function mayAct(vcpu: Vcpu): bool {
  return atomic.load32(changetype<usize>(vcpu) + offsetof<Vcpu>("state")) != VcpuState.OFF;
}

/** The running vCPU is switched off; returns whether another one of its VM is on. The VM's lock is held. */
export function stop(vcpu: Vcpu): bool {
  enter();
  setState(vcpu, VcpuState.OFF);
  cpus.self().resched = Resched.CHOOSE;
  let others = false;
  for (let n: u32 = 0; n < vcpu.vm.vcpus; n++) {
    if (table.vcpu(vcpu.vm, n).state != VcpuState.OFF) others = true;
  }
  leave();
  return others;
}

// --- a VM as a whole. The lock is held

/** Takes a VM's vCPUs from queues and CPUs; `off`: they are switched off, else they go on when `resume` says so. */
export function suspend(vm: Vm, off: bool): void {
  for (let n: u32 = 0; n < vm.vcpus; n++) {
    const vcpu = table.vcpu(vm, n);
    if (vcpu.queued != 0) dequeue(scheduler.policy, vcpu);
    if (off) {
      setState(vcpu, VcpuState.OFF);
      vcpu.capDeadline = NEVER;
      setTimerDeadline(vcpu, NEVER);
      deadlines.update(cpus.self(), vcpu);
    }
    const on = loadedOn(vcpu);
    if (on != 0) kick(cpus.at(on - 1));
  }
}

export function resume(vm: Vm): void {
  for (let n: u32 = 0; n < vm.vcpus; n++) {
    const vcpu = table.vcpu(vm, n);
    if (vcpu.state != VcpuState.READY || vcpu.queued != 0 || vcpu.capDeadline != NEVER) continue;
    vcpu.since = timer.now();
    admit(vcpu, vcpu.since);
  }
}

/** What waits for the moment when no CPU holds anything of a VM any more: its work, and the count that it is paused at. */
export function settle(vm: Vm): void {
  for (let n: u32 = 0; n < vm.vcpus; n++) {
    if (loadedOn(table.vcpu(vm, n)) != 0) return;
  }
  if (vm.state == VM_PAUSED) {
    if (vm.pausedAt == 0) vm.pausedAt = timer.now();
    return;
  }
  if (vm.next == 0) return;
  work.begin(vm, vm.next);
  atomic.store32(changetype<usize>(vm) + offsetof<Vm>("next"), 0);
  startLocked(table.vcpu(vm, 0));
}

// --- choosing

/** Counts the time of the vCPU that runs up to now. */
function charge(cpu: Cpu, vcpu: Vcpu, now: u64): void {
  const used = now - vcpu.since;
  vcpu.since = now;
  vcpu.runTime += used;
  vcpu.slice = vcpu.slice > used ? vcpu.slice - used : 0;
  if (scheduler.policy != POLICY_SHARE) return;
  share.charge(vcpu, used);
  share.spend(vcpu, used, now, scheduler.period);
  if (vcpu.capUsed < share.budget(vcpu, scheduler.period)) return;
  // The cap is used up: it goes on with the next period that pays for it.
  vcpu.capDeadline = (now / scheduler.period + 1) * scheduler.period;
  deadlines.update(cpu, vcpu);
}

/** The vCPU that runs goes back to the queue, or to sleep. */
function putBack(vcpu: Vcpu): void {
  if (vcpu.state != VcpuState.RUNNING) return;
  setState(vcpu, VcpuState.READY);
  if (runs(vcpu) && vcpu.capDeadline == NEVER) enqueue(scheduler.policy, vcpu, vcpu.slice != 0);
}

/** Gives the CPU to a vCPU that has waited. */
function takeUp(policy: u32, cpu: Cpu, vcpu: Vcpu, now: u64): void {
  dequeue(policy, vcpu);
  vcpu.stolen += now - vcpu.since;
  vcpu.since = now;
  vcpu.lastCpu = cpu.number;
  if (vcpu.slice == 0) vcpu.slice = scheduler.slice;
  setState(vcpu, VcpuState.RUNNING);
  if (loadedOn(vcpu) == 0) {
    atomic.store32(changetype<usize>(vcpu) + offsetof<Vcpu>("loadedOn"), cpu.number + 1);
  }
}

/** The deadline of the slice and the traps follow from who else waits for this CPU. `put`: who has just been put back there, if anybody. */
function watch(policy: u32, cpu: Cpu, put: Vcpu): void {
  const current = cpu.current;
  if (!isNobody(put) && takesTurns(policy, put, current)) {
    cpu.watching = 1;
    cpu.sliceEnd = current.since + current.slice;
  } else {
    cpu.sliceEnd = NEVER;
    cpu.watching = 0;
    if (isNobody(current)) return;
    watchOthers(cpu, current);
  }
  if (policy != POLICY_SHARE) return;
  const budget = share.budget(current, scheduler.period);
  cpu.capped = u32(budget != NEVER);
  if (budget == NEVER) return;
  const rest = budget > current.capUsed ? budget - current.capUsed : 0;
  cpu.sliceEnd = min<u64>(cpu.sliceEnd, current.since + rest);
}

function watchOthers(cpu: Cpu, current: Vcpu): void {
  const other = best(scheduler.policy, cpu);
  if (isNobody(other)) return;
  cpu.watching = 1;
  // Another CPU may be the one that gives way to it: this one was told of it, and has taken somebody else.
  if ((other.vm.affinity & ~((1 as u32) << cpu.number)) != 0) place(other);
  if (takesTurns(scheduler.policy, other, current)) cpu.sliceEnd = current.since + current.slice;
}

/** Sets EL2's timer of this CPU. One that is set for an earlier deadline stays so: it is set anew when it has fired. The lock is held. */
function arm(cpu: Cpu): void {
  const when = min<u64>(min<u64>(cpu.sliceEnd, cpu.later), deadlines.first(cpu));
  if (when == cpu.armed || (when > cpu.armed && when != NEVER)) return;
  cpu.armed = when;
  timer.arm(when);
}

function disarm(cpu: Cpu): void {
  cpu.armed = NEVER;
  timer.arm(NEVER);
}

/** This CPU takes part from now on. */
export function join(): void {
  cpus.self().later = NEVER;
  disarm(cpus.self());
  cpus.enter();
}

/** Chooses the vCPU that this CPU runs from now on; null: none. Its registers are to be loaded, if they are not. */
export function choose(cpu: Cpu): Vcpu {
  enter();
  cpu.resched = Resched.NOTHING;
  const now = timer.now();
  const policy = scheduler.policy;
  let current = cpu.current;
  let put = NOBODY;
  if (!isNobody(current)) {
    // One that slept and was woken since has been charged, and waits.
    if (current.state != VcpuState.READY) charge(cpu, current, now);
    if (current.yields != 0) {
      current.yields = 0;
      current.slice = 0;
    }
    if (current.state != VcpuState.RUNNING || !runs(current) || current.capDeadline != NEVER) {
      putBack(current);
      current = NOBODY;
    }
  }
  const waiting = best(policy, cpu);
  if (!isNobody(waiting) && (isNobody(current) || preempts(policy, waiting, current))) {
    put = current;
    if (!isNobody(put)) {
      setState(put, VcpuState.READY);
      enqueue(policy, put, put.slice != 0);
    }
    takeUp(policy, cpu, waiting, now);
    current = waiting;
  } else if (!isNobody(current) && current.slice == 0) {
    // It keeps the CPU for another one.
    current.slice = scheduler.slice;
  }
  cpu.current = current;
  const bit = (1 as u32) << cpu.number;
  scheduler.idle = isNobody(current) ? scheduler.idle | bit : scheduler.idle & ~bit;
  watch(policy, cpu, put);
  arm(cpu);
  leave();
  return current;
}

/** This CPU holds nothing of a vCPU any more: others may run it, or its VM has waited for that. */
export function left(vcpu: Vcpu): void {
  const at = changetype<usize>(vcpu);
  // Behind the store another CPU may take it.
  const elsewhere = vcpu.vm.affinity & ~((1 as u32) << vcpu.lastCpu);
  atomic.store32(at + offsetof<Vcpu>("loadedOn"), 0);
  // Who queues it or takes its VM down looks at that afterwards.
  const waits = elsewhere != 0 && atomic.load32(at + offsetof<Vcpu>("queued")) != 0;
  if (waits || atomic.load32(changetype<usize>(vcpu.vm) + offsetof<Vm>("state")) != VM_RUNNING) release(vcpu);
}

function release(vcpu: Vcpu): void {
  enter();
  if (vcpu.queued != 0) place(vcpu);
  settle(vcpu.vm);
  leave();
}

/** Whether there is one is read without the lock. */
function setTimerDeadline(vcpu: Vcpu, when: u64): void {
  vcpu.timerDeadline = when;
  atomic.store32(changetype<usize>(vcpu) + offsetof<Vcpu>("timed"), u32(when != NEVER));
}

/** This CPU will see to a vCPU's timers. The lock is held. */
function seeTo(vcpu: Vcpu, when: u64): void {
  const cpu = cpus.self();
  if (vcpu.timerDeadline == when && vcpu.heapIndex != 0 && vcpu.heapCpu == cpu.number) return;
  setTimerDeadline(vcpu, when);
  deadlines.update(cpu, vcpu);
  arm(cpu);
}

/** Sets when the next of a vCPU's timers fires, by the board's count; this CPU will see to it. The VM's lock is held. */
export function setTimer(vcpu: Vcpu, when: u64): void {
  if (when == NEVER && atomic.load32(changetype<usize>(vcpu) + offsetof<Vcpu>("timed")) == 0) return;
  enter();
  seeTo(vcpu, when);
  leave();
}

/** Another one of its timers fires at `when`. */
export function addTimer(vcpu: Vcpu, when: u64): void {
  enter();
  seeTo(vcpu, min<u64>(vcpu.timerDeadline, when));
  leave();
}

/** This CPU is to go on with work that is nobody's exit, at `when` at the latest: `takeLater` says then that it is. */
export function later(when: u64): void {
  enter();
  const cpu = cpus.self();
  cpu.later = min<u64>(cpu.later, when);
  arm(cpu);
  leave();
}

/** Whether that time has come; true once. */
export function takeLater(cpu: Cpu): bool {
  const due = cpu.isLater != 0;
  cpu.isLater = 0;
  return due;
}

/** EL2's timer has fired: returns a vCPU of which a timer has come, null when there is none left. */
export function expired(cpu: Cpu): Vcpu {
  enter();
  const now = timer.now();
  for (;;) {
    const vcpu = deadlines.take(cpu, now);
    if (isNobody(vcpu)) break;
    const due = vcpu.timerDeadline <= now;
    if (due) setTimerDeadline(vcpu, NEVER);
    if (vcpu.capDeadline <= now) endCap(vcpu, now);
    deadlines.update(cpu, vcpu);
    if (due) {
      leave();
      return vcpu;
    }
  }
  if (cpu.later <= now) {
    cpu.isLater = 1;
    cpu.later = NEVER;
  }
  if (cpu.sliceEnd <= now) {
    cpu.resched = Resched.CHOOSE;
    cpu.sliceEnd = NEVER;
  }
  disarm(cpu);
  arm(cpu);
  leave();
  return NOBODY;
}

/** A new period has begun for a vCPU that had used up its cap. */
function endCap(vcpu: Vcpu, now: u64): void {
  share.spend(vcpu, 0, now, scheduler.period);
  if (vcpu.capUsed >= share.budget(vcpu, scheduler.period)) {
    vcpu.capDeadline = (now / scheduler.period + 1) * scheduler.period;
    return;
  }
  vcpu.capDeadline = NEVER;
  if (vcpu.state == VcpuState.READY && vcpu.queued == 0 && runs(vcpu)) admit(vcpu, now);
}
