// A guest with as many CPUs as its machine has: it switches them on and off, has them send interrupts to each other, wait and compute, and checks
// that each has what is its own. One line for each case, and a last line that counts. The last case is the end: CPU 0 goes off, comes back by another's
// call, and that other one switches the machine off.

import * as console from "../lib/console";
import * as gic from "../lib/gic";
import * as cpu from "../lib/hal/cpu";
import * as mmu from "../lib/mmu";
import * as power from "../lib/power";
import * as score from "../lib/score";
import * as smp from "../lib/smp";
import { IRQ } from "../lib/vectors";
import * as crew from "./crew";
import * as interrupts from "./interrupts";
import * as jobs from "./jobs";
import * as powerCases from "./power-cases";
import * as sgiCases from "./sgi-cases";
import * as spiCases from "./spi-cases";

/** Counts: long behind the end. */
const LONG: u64 = 0x40000000;
const AGAIN: u64 = 0x616761696e;

export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  if (kind != IRQ) power.unexpected(kind, esr, far, elr);
  interrupts.take();
  return elr;
}

export function onCpu(context: u64, leftovers: u64): void {
  if (cpu.number() == 0) finale(context, leftovers);
  else crew.serve(context, leftovers);
}

/** All at once. */
function everybody(): void {
  score.same("vectors-are-kept", crew.together(jobs.VECTORS, 100), 0);
  score.same("el1-registers-are-kept", crew.together(jobs.REGISTERS, 100), 0);
  score.same("sleeps-last", crew.together(jobs.SLEEP, 50), 0);
  score.same("wait-storm", crew.together(jobs.STORM, 300), 0);
  score.same("spinning-starves-nobody", crew.together(jobs.SPIN, 20000), 0);
}

/** CPU 0 behind its second start. */
function finale(context: u64, leftovers: u64): void {
  crew.join();
  score.same("cpu-0-off-and-on", context, AGAIN);
  score.same("cpu-0-registers-are-zero", leftovers, 0);
  score.summary("smp: ");
  crew.finish(1);
  crew.order(1, jobs.END, 0);
  for (;;) interrupts.nap(cpu.count() + LONG);
}

export function main(fdt: u64): void {
  console.init();
  mmu.init();
  gic.init();
  crew.initFirst();
  console.line("smp", "%d CPUs", crew.count());
  powerCases.cases();
  sgiCases.cases();
  spiCases.cases();
  everybody();
  if (crew.count() == 1) {
    score.summary("smp: ");
    power.off();
  }
  crew.order(1, jobs.REVIVE, AGAIN);
  smp.off();
}
