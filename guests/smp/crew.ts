// The further CPUs of the smp guest: each sleeps until CPU 0 gives it a job, does it, and says so. An SGI wakes who waits.

import { MAX_VCPUS } from "../../build/gen/bundle";
import { VTIMER_INTID } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as gic from "../lib/gic";
import * as cpu from "../lib/hal/cpu";
import * as image from "../lib/hal/image";
import * as mmu from "../lib/mmu";
import * as smp from "../lib/smp";
import * as timer from "../lib/timer";
import * as interrupts from "./interrupts";
import * as jobs from "./jobs";

/** The SGI that wakes. */
const WAKE: u32 = 15;
/** CPACR_EL1.FPEN: vector registers trap nowhere. */
const CPACR_FP: u64 = 3 << 20;
/** Microseconds that CPU 0 waits for a job's end. */
const PATIENCE: u64 = 10000000;

@unmanaged
class Mate {
  /** How often it has started; the latest context, and what its registers held then, or-ed. */
  starts: u32;
  /** What it has to do; 0 when it is done. */
  job: u32;
  context: u64;
  leftovers: u64;
  argument: u64;
  result: u64;
}
const MATE: u32 = 64;
const mates: usize = memory.data(512, 8);

export function mate(n: u32): Mate {
  return changetype<Mate>(mates + n * MATE);
}

/** How many CPUs the machine has, as `init` found. */
const size: usize = memory.data(4, 4);
export function count(): u32 {
  return load<u32>(size);
}

/** What each CPU does first. */
function init(): void {
  for (let sgi: u32 = 0; sgi < 16; sgi++) gic.enable(sgi);
  gic.enable(VTIMER_INTID);
  sysreg.writeCpacrEl1(CPACR_FP);
  cpu.isb();
}

/** CPU 0, with the MMU on and the GIC up. */
export function initFirst(): void {
  const found = smp.count();
  store<u32>(size, min<u32>(found, MAX_VCPUS));
  init();
}

/** What a CPU that has started does before all else. */
export function join(): void {
  mmu.initCpu();
  gic.initCpu();
  init();
}

/** A further CPU, from its first instruction on: does jobs for ever. */
export function serve(context: u64, leftovers: u64): void {
  join();
  const own = mate(cpu.number());
  own.leftovers = leftovers | image.vectorLeftovers();
  own.context = context;
  cpu.dsb();
  own.starts++;
  for (;;) {
    gic.send(WAKE, 1);
    while (own.job == 0) interrupts.nap(cpu.count() + timer.counts(PATIENCE));
    own.result = jobs.perform(own.job, own.argument);
    cpu.dsb();
    own.job = 0;
  }
}

/** Starts CPU `n` and waits until it serves; returns PSCI's answer. */
export function start(n: u32, context: u64): u64 {
  const before = mate(n).starts;
  const answer = smp.start(n, context);
  if (answer == 0) awaitStart(n, before + 1);
  return answer;
}

/** Waits until CPU `n` has started so often. */
export function awaitStart(n: u32, starts: u32): void {
  const until = cpu.count() + timer.counts(PATIENCE);
  while (mate(n).starts < starts && cpu.count() < until) interrupts.pause(100);
}

/** Gives CPU `n` a job. */
export function order(n: u32, job: u32, argument: u64): void {
  mate(n).argument = argument;
  cpu.dsb();
  mate(n).job = job;
  cpu.dsb();
  gic.send(WAKE, (1 as u32) << n);
}

/** Waits until it is done; false if it never is. */
export function finish(n: u32): bool {
  const until = cpu.count() + timer.counts(PATIENCE);
  while (mate(n).job != 0 && cpu.count() < until) interrupts.pause(100);
  return mate(n).job == 0;
}

/** Everybody does a job at the same time, CPU 0 too; returns the results, or-ed, all ones if one is never done. */
export function together(job: u32, argument: u64): u64 {
  for (let n: u32 = 1; n < count(); n++) order(n, job, argument);
  let results = jobs.perform(job, argument);
  for (let n: u32 = 1; n < count(); n++) results |= finish(n) ? mate(n).result : 0xffffffffffffffff;
  return results;
}
