// What the vectors call, and nothing else. Each function returns the record of the vCPU to enter, or 0: there is nothing to run.

import * as interrupt from "./devices/interrupt";
import * as cpu from "./hal/cpu";
import * as bootstrap from "./traps/boot";
import * as crash from "./traps/crash";
import * as run from "./traps/run";
import * as sync from "./traps/sync";
import { Vcpu } from "./vm/records";

/** The first call, on the first CPU: its device tree's physical address, and flags (abi/layout.ts). */
export function boot(fdt: u64, flags: u64): usize {
  return changetype<usize>(bootstrap.boot(fdt, flags));
}

/** The first call on every other CPU, by its number. */
export function bootCpu(number: u32): usize {
  return changetype<usize>(bootstrap.bootCpu(number));
}

/** A synchronous exception of the vCPU on this CPU. */
export function onSync(vcpu: usize, esr: u64): usize {
  return changetype<usize>(sync.handle(changetype<Vcpu>(vcpu), esr));
}

/** A physical interrupt while the vCPU was on this CPU. */
export function onIrq(vcpu: usize): usize {
  const self = changetype<Vcpu>(vcpu);
  self.interrupts++;
  interrupt.handle();
  return changetype<usize>(run.next(self));
}

/** An interrupt has ended the wait of a CPU that had nothing to run. */
export function onIdle(): usize {
  // What lets it not rest may be an interrupt of the guest that is loaded here, whom another CPU is about to wake: that one is let through.
  if (!interrupt.handle()) cpu.relax();
  return changetype<usize>(run.next(changetype<Vcpu>(0)));
}

/** An SError while the vCPU was on this CPU. */
export function onSError(vcpu: usize, esr: u64): usize {
  sync.serror(changetype<Vcpu>(vcpu), esr);
  return vcpu;
}

/** An exception from EL2 itself; `vector` says which of the sixteen. Does not return. */
export function onCrash(vector: u64): void {
  crash.report(vector);
}
