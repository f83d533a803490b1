// What a CPU does next: another vCPU, a piece of a VM's work, or nothing.

import { VM_RUNNING } from "../../build/gen/calls";
import * as el2 from "../cpu/el2";
import * as exchange from "../devices/exchange";
import * as interrupt from "../devices/interrupt";
import * as vgic from "../devices/vgic";
import * as atomic from "../hal/atomic";
import * as cpus from "../sched/cpus";
import { Cpu, Resched } from "../sched/cpus";
import * as sched from "../sched/sched";
import * as lifecycle from "../smccc/lifecycle";
import { Vcpu, VcpuState, Vm } from "../vm/records";
import * as work from "../vm/work";

/** The vCPU to enter after an exit of this one that may have changed who runs; null: none. */
export function next(vcpu: Vcpu): Vcpu {
  const cpu = cpus.self();
  return cpu.resched == Resched.NOTHING ? vcpu : act(cpu, vcpu);
}

function act(cpu: Cpu, vcpu: Vcpu): Vcpu {
  if (cpu.resched == Resched.CHOOSE) return choose();
  cpu.resched = Resched.NOTHING;
  setTraps(cpu);
  return vcpu;
}

/**
 * A vCPU that is loaded on a CPU with nothing to run, but does not sleep: its VM waits for the CPU to let it go, or its cap is used up, and an interrupt in
 * the list registers would not let the CPU rest.
 */
function isGone(vcpu: Vcpu): bool {
  const state = atomic.load32(changetype<usize>(vcpu) + offsetof<Vcpu>("state"));
  return state != VcpuState.BLOCKED || atomic.load32(changetype<usize>(vcpu.vm) + offsetof<Vm>("state")) != VM_RUNNING;
}

/** The guest's WFI traps while somebody waits for the CPU, or its time is counted. */
function setTraps(cpu: Cpu): void {
  const traps = cpu.watching | cpu.capped;
  if (cpu.trapsWfi == traps) return;
  cpu.trapsWfi = traps;
  el2.trapWfi(traps != 0);
}

/** Does a piece of a VM's work on this CPU. */
function workFor(cpu: Cpu, vcpu: Vcpu): void {
  const vm = vcpu.vm;
  const kind = vm.work;
  cpu.worker = vcpu;
  // It takes long: another CPU may have room for who is loaded here.
  if (changetype<usize>(cpu.loaded) != 0) exchange.unload(cpu);
  if (work.step(vm)) lifecycle.finished(vm, kind);
  interrupt.handle();
}

/** What there is to do before, or in place of, the entry of the vCPU that was chosen, null: none; returns whether to choose anew. */
function workFirst(cpu: Cpu, vcpu: Vcpu): bool {
  const worker = cpu.worker;
  cpu.worker = changetype<Vcpu>(0);
  if (changetype<usize>(worker) != 0 && worker != vcpu) sched.left(worker);
  if (changetype<usize>(vcpu) == 0) {
    if (changetype<usize>(cpu.loaded) != 0 && isGone(cpu.loaded)) exchange.unload(cpu);
    // What was let go may be what somebody else's work, or this CPU, has waited for.
    return cpu.resched != Resched.NOTHING;
  }
  // One whose work is done is loaded at once: were another chosen first, nobody would let go of what this CPU has taken up and not loaded.
  if (vcpu.vm.work == 0) return false;
  workFor(cpu, vcpu);
  return true;
}

/** Chooses who runs on this CPU, and brings it there; null: nobody. */
export function choose(): Vcpu {
  const cpu = cpus.self();
  for (;;) {
    const vcpu = sched.choose(cpu);
    if (changetype<usize>(vcpu) == 0 || changetype<usize>(cpu.worker) != 0 || vcpu.vm.work != 0) {
      if (workFirst(cpu, vcpu)) continue;
      if (changetype<usize>(vcpu) == 0) return vcpu;
    }
    if (cpu.loaded != vcpu) exchange.take(cpu, vcpu);
    else if (atomic.load32(changetype<usize>(vcpu) + offsetof<Vcpu>("inbox")) != 0) vgic.maintain(vcpu);
    if (cpu.resched != Resched.NOTHING) continue;
    setTraps(cpu);
    return vcpu;
  }
}
