// The interrupts that each CPU of the smp guest has taken, and an SPI that can be held: its handler stays until another CPU lets it go on.

import { RTC_BASE, RTC_SPI, VTIMER_INTID, INTIDS } from "../../build/gen/guest";
import { FIRST_SPI } from "../../build/gen/gic";
import { RTC_ICR } from "../../build/gen/pl031";
import { MAX_VCPUS } from "../../build/gen/bundle";
import * as gic from "../lib/gic";
import * as access from "../lib/hal/access";
import * as cpu from "../lib/hal/cpu";
import * as timer from "../lib/timer";

/** How often each interrupt has come to each CPU: 32-bit counts, INTIDS a CPU. */
const came: usize = memory.data(3072, 4);

@unmanaged
class Hold {
  /** The SPI whose handler stays, or 0. */
  intid: u32;
  /** The CPU that is in it, plus one. */
  holder: u32;
}
const held = changetype<Hold>(memory.data(8, 4));

/** Microseconds that are waited for what is due, and that a handler stays at most. */
const PATIENCE: u64 = 2000000;
/** Between two looks. */
const STEP: u64 = 200;

function slot(n: u32, intid: u32): usize {
  return came + (n * INTIDS + intid) * 4;
}

/** From the exception: takes one interrupt. */
export function take(): void {
  const intid = gic.acknowledge();
  if (intid >= INTIDS) return;
  const own = slot(cpu.number(), intid);
  store<u32>(own, load<u32>(own) + 1);
  if (intid == VTIMER_INTID) timer.cancel();
  if (intid == FIRST_SPI + RTC_SPI) access.write32(RTC_BASE + RTC_ICR, 1);
  if (intid >= FIRST_SPI && intid == held.intid) stay(intid);
  cpu.isb();
  gic.end(intid);
}

function stay(intid: u32): void {
  const until = cpu.count() + timer.counts(PATIENCE);
  held.holder = cpu.number() + 1;
  while (held.intid == intid && cpu.count() < until) cpu.relax();
  held.holder = 0;
}

/** Has the handler of an SPI stay from now on. */
export function hold(intid: u32): void {
  held.intid = intid;
}
/** Lets it go on, and waits until it has, or until patience ends: its CPU may have to wait for others. */
export function release(): void {
  const until = cpu.count() + timer.counts(PATIENCE);
  held.intid = 0;
  while (held.holder != 0 && cpu.count() < until) pause(STEP);
}
/** The CPU whose handler stays, plus one. */
export function holder(): u32 {
  return held.holder;
}

export function clear(): void {
  memory.fill(came, 0, 4 * INTIDS * MAX_VCPUS);
}
/** How often an interrupt has come to CPU `n`, and to all. */
export function count(n: u32, intid: u32): u32 {
  return load<u32>(slot(n, intid));
}
export function total(intid: u32): u32 {
  let sum: u32 = 0;
  for (let n: u32 = 0; n < MAX_VCPUS; n++) sum += count(n, intid);
  return sum;
}

/** Lets in what is pending. */
export function admit(): void {
  cpu.unmask();
  cpu.isb();
  cpu.mask();
}

/** Waits in WFI until an interrupt comes, or the deadline. */
export function nap(deadline: u64): void {
  timer.sleepUntil(deadline);
  timer.cancel();
  admit();
}

/** Lets interrupts in for so many microseconds. */
export function pause(microseconds: u64): void {
  const until = cpu.count() + timer.counts(microseconds);
  while (cpu.count() < until) nap(until);
}

/** Waits until an interrupt has come so often, to all CPUs together; or until patience ends. */
export function awaitTotal(intid: u32, times: u32): void {
  const until = cpu.count() + timer.counts(PATIENCE);
  while (total(intid) < times && cpu.count() < until) pause(STEP);
}

/** Waits until a handler stays. */
export function awaitHolder(): void {
  const until = cpu.count() + timer.counts(PATIENCE);
  while (held.holder == 0 && cpu.count() < until) pause(STEP);
}
