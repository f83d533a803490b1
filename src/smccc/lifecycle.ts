// A VM's life, from its creation to its end (vmStates of abi/calls.ts). What it takes for that of other VMs: nothing. Each function that changes a state
// takes the VM's lock, so that the calls of several CPUs come one after the other; what takes long is work (src/vm/work.ts) that its vCPU 0 does later.

import {
  DENIED,
  SUCCESS,
  VM_ABSENT,
  VM_CRASHED,
  VM_DESTROYING,
  VM_LOADING,
  VM_OFF,
  VM_PAUSED,
  VM_RUNNING,
} from "../../build/gen/calls";
import { CRASH_RESET, CRASH_STOP_ALL } from "../../build/gen/bundle";
import { IN_VM, LOG_INFO, LOG_WARNING } from "../../build/gen/console";
import * as guard from "../devices/guard";
import * as power from "../devices/power";
import * as virtio from "../devices/virtio/access";
import * as vtimer from "../devices/vtimer";
import * as timer from "../drivers/timer";
import * as atomic from "../hal/atomic";
import * as cpu from "../hal/cpu";
import * as console from "../log/console";
import * as halt from "../log/halt";
import * as log from "../log/log";
import * as sched from "../sched/sched";
import * as make from "../vm/create";
import * as guestLog from "../vm/guest-log";
import { REGISTERS, Vcpu, VcpuState, Vm } from "../vm/records";
import * as table from "../vm/table";
import { Work } from "../vm/work";

/** The states of a VM that is made, and not being taken apart: a bit each. */
const THERE: u32 = ~(((1 as u32) << VM_ABSENT) | ((1 as u32) << VM_DESTROYING));

/** The run ends. Atomic. */
const ending: usize = memory.data(4, 4);

/** Its state; it may change at once, unless the VM's lock is held. */
export function stateOf(vm: Vm): u32 {
  return atomic.load32(changetype<usize>(vm) + offsetof<Vm>("state"));
}
function setState(vm: Vm, state: u32): void {
  atomic.store32(changetype<usize>(vm) + offsetof<Vm>("state"), state);
}

function setNext(vm: Vm, next: u32): void {
  atomic.store32(changetype<usize>(vm) + offsetof<Vm>("next"), next);
}

/**
 * Takes a VM from its CPUs for good; the work `next` begins when none holds anything of it. One that starts has its console from now on: what is typed
 * for it waits while its memory is filled. One that does not gives it back. The VM's lock is held.
 */
function takeDown(vm: Vm, state: u32, next: u32): void {
  if (next == Work.LOAD) console.open(vm.id, table.nameOf(vm));
  else console.close(vm.id);
  sched.enter();
  vm.pausedAt = 0;
  setState(vm, state);
  setNext(vm, 0);
  sched.suspend(vm, true);
  sched.leave();
  // Its vCPUs have no say any more. Nothing reaches its memory behind this, and what is next may begin.
  virtio.reset(vm);
  sched.enter();
  setNext(vm, next);
  sched.settle(vm);
  sched.leave();
}

/** Whether a VM may still do something. */
function isAlive(vm: Vm): bool {
  const state = stateOf(vm);
  return state != VM_ABSENT && state != VM_OFF && state != VM_CRASHED;
}

/** A VM has ended: with the last the run ends. If VMs have crashed and stayed so, it ends by the last crash of those. */
function ended(): void {
  let crashed = changetype<Vm>(0);
  for (let n: u32 = 0; n < table.count(); n++) {
    const vm = table.vm(n);
    if (isAlive(vm)) return;
    if (stateOf(vm) != VM_CRASHED) continue;
    if (changetype<usize>(crashed) == 0 || vm.crash.when >= crashed.crash.when) crashed = vm;
  }
  // Of two CPUs that find this one ends the run.
  if (atomic.swap32(ending, 1) != 0) {
    for (;;) cpu.relax();
  }
  if (changetype<usize>(crashed) == 0) halt.off();
  halt.crash(crashed.crash.reason, table.nameOf(crashed), crashed.crash.address);
}

// --- what VMs do to themselves. A VM that was taken down while one of its vCPUs was on the way here has no say any more

/**
 * Whether a vCPU acts for its VM as a whole. One that was paused while the vCPU was on the way here stays so: the vCPU makes its call again when the VM goes on.
 */
function mayEnd(vcpu: Vcpu): bool {
  const paused = stateOf(vcpu.vm) == VM_PAUSED;
  if (paused) vcpu.elr -= 4;
  return !paused && sched.mayAct(vcpu);
}

/** Takes a VM down that switches itself off; `ended` follows. The VM's lock is held. */
function offLocked(vm: Vm): void {
  guestLog.info(vm, IN_VM, "%s is off", table.nameOf(vm));
  takeDown(vm, VM_OFF, 0);
}

/** SYSTEM_OFF. */
export function off(vcpu: Vcpu): void {
  const vm = vcpu.vm;
  guard.enter(vm);
  const may = mayEnd(vcpu);
  if (may) offLocked(vm);
  guard.leave(vm);
  if (may) ended();
}

/** CPU_OFF: the last vCPU that goes off takes the VM with it. */
export function cpuOff(vcpu: Vcpu): void {
  const vm = vcpu.vm;
  guard.enter(vm);
  const last = mayEnd(vcpu) && !sched.stop(vcpu);
  if (last) offLocked(vm);
  guard.leave(vm);
  if (last) ended();
}

/** SYSTEM_RESET: everything as at the first start, nothing of before left. */
export function resetItself(vcpu: Vcpu): void {
  const vm = vcpu.vm;
  guard.enter(vm);
  if (mayEnd(vcpu)) {
    guestLog.info(vm, IN_VM, "%s resets", table.nameOf(vm));
    takeDown(vm, VM_LOADING, Work.LOAD);
  }
  guard.leave(vm);
}

/** Writes down what happened, for whoever asks later. */
function record(vcpu: Vcpu, reason: string, address: u64): void {
  const crash = vcpu.vm.crash;
  crash.count++;
  crash.vcpu = vcpu.id;
  crash.when = timer.now();
  crash.reason = reason;
  crash.address = address;
  for (let n: u32 = 0; n < REGISTERS; n++) store<u64>(crash.registers + (n << 3), load<u64>(changetype<usize>(vcpu) + (n << 3)));
  crash.logEnd = log.end();
}

/** Says so in the log, with the registers: three to a line. A VM that crashes again and again does not fill the log with them. */
function report(vm: Vm): void {
  const crash = vm.crash;
  if (!guestLog.warning(vm, IN_VM, crash.reason, table.nameOf(vm), crash.address)) return;
  if (!guestLog.mayShowRegisters(vm)) return;
  log.write(LOG_WARNING, IN_VM, vm.id, "vcpu%d, x0 to x30, pc, pstate:", crash.vcpu, 0, 0);
  for (let n: u32 = 0; n < REGISTERS; n += 3) {
    const at = crash.registers + (n << 3);
    log.write(LOG_WARNING, IN_VM, vm.id, "  0x%x 0x%x 0x%x", load<u64>(at), load<u64>(at + 8), load<u64>(at + 16));
  }
}

/** The one place that stops a VM for what it did. `reason` is a text with the VM's name and an address in it. */
export function crash(vcpu: Vcpu, reason: string, address: u64): void {
  const vm = vcpu.vm;
  guard.enter(vm);
  if (!sched.mayAct(vcpu)) {
    guard.leave(vm);
    return;
  }
  record(vcpu, reason, address);
  report(vm);
  if (vm.crashPolicy == CRASH_STOP_ALL) halt.crash(reason, table.nameOf(vm), address);
  const again = vm.crashPolicy == CRASH_RESET;
  takeDown(vm, again ? VM_LOADING : VM_CRASHED, again ? Work.LOAD : 0);
  guard.leave(vm);
  if (!again) ended();
}

// --- what a CPU tells when a VM's work is done

/** Says that a VM starts. A VM that starts again and again does not fill the log with that. */
function sayStart(vm: Vm, isFirst: bool): void {
  const text = "%s starts, %d MiB, CPUs: %d";
  if (isFirst) log.write(LOG_INFO, IN_VM, vm.id, text, table.nameOf(vm), vm.bytes >> 20, vm.vcpus);
  else guestLog.info(vm, IN_VM, text, table.nameOf(vm), vm.bytes >> 20, vm.vcpus);
}

/** A VM's work of that kind is finished, unless the VM was taken down meanwhile. */
export function finished(vm: Vm, kind: u32): void {
  guard.enter(vm);
  const vcpu = table.vcpu(vm, 0);
  if (atomic.load32(changetype<usize>(vcpu) + offsetof<Vcpu>("state")) != VcpuState.RUNNING) {
    guard.leave(vm);
    return;
  }
  if (kind == Work.LOAD) {
    const isFirst = vm.startCount == 0;
    power.on(vm);
    sayStart(vm, isFirst);
    log.debug(IN_VM, "vm%d runs since the board's count of %d", vm.id, vm.startCount);
    setState(vm, VM_RUNNING);
  } else {
    sched.enter();
    setState(vm, VM_ABSENT);
    sched.suspend(vm, true);
    sched.leave();
  }
  guard.leave(vm);
  if (kind == Work.CLEAN) ended();
}

// --- what a controller does to VMs; the answers are those of abi/calls.ts

/** ABSENT to OFF. */
export function create(vm: Vm): u64 {
  guard.enter(vm);
  let answer: u64 = DENIED;
  if (stateOf(vm) == VM_ABSENT) {
    answer = make.make(vm);
    if (answer == SUCCESS) {
      sched.enter();
      setState(vm, VM_OFF);
      sched.leave();
    }
  }
  guard.leave(vm);
  return answer;
}

/** Takes a VM down to a state, from one of those of `may`: a bit each. */
function order(vm: Vm, may: u32, state: u32, next: u32): u64 {
  guard.enter(vm);
  const allowed = ((may >> stateOf(vm)) & 1) != 0;
  if (allowed) takeDown(vm, state, next);
  guard.leave(vm);
  return allowed ? SUCCESS : DENIED;
}

/** OFF or CRASHED to LOADING, which becomes RUNNING. */
export function start(vm: Vm): u64 {
  return order(vm, ((1 as u32) << VM_OFF) | ((1 as u32) << VM_CRASHED), VM_LOADING, Work.LOAD);
}

/** Any state to LOADING, which becomes RUNNING. */
export function reset(vm: Vm): u64 {
  return order(vm, THERE, VM_LOADING, Work.LOAD);
}

/** Any state to OFF. */
export function stop(vm: Vm): u64 {
  const answer = order(vm, THERE, VM_OFF, 0);
  if (answer == SUCCESS) ended();
  return answer;
}

/** Any state to DESTROYING, which becomes ABSENT. */
export function destroy(vm: Vm): u64 {
  return order(vm, THERE, VM_DESTROYING, Work.CLEAN);
}

/** RUNNING to PAUSED. */
export function pause(vm: Vm): u64 {
  guard.enter(vm);
  const may = stateOf(vm) == VM_RUNNING;
  if (may) {
    sched.enter();
    setState(vm, VM_PAUSED);
    sched.suspend(vm, false);
    sched.settle(vm);
    sched.leave();
  }
  guard.leave(vm);
  return may ? SUCCESS : DENIED;
}

/** PAUSED to RUNNING; its time has stood still, unless the configuration lets it run. */
export function resume(vm: Vm): u64 {
  guard.enter(vm);
  const may = stateOf(vm) == VM_PAUSED;
  if (may) {
    sched.enter();
    if (vm.pausedAt != 0 && vm.timeRuns == 0) vm.countOffset += timer.now() - vm.pausedAt;
    vm.pausedAt = 0;
    setState(vm, VM_RUNNING);
    sched.resume(vm);
    sched.leave();
    vtimer.resumed(vm);
  }
  guard.leave(vm);
  return may ? SUCCESS : DENIED;
}
