// What has happened to each vCPU of a hostile guest: the synchronous exceptions that it has provoked, and the interrupts that it has taken.

import { INTIDS, PTIMER_INTID, VTIMER_INTID } from "../../build/gen/guest";
import { EC_IABT_SAME, ESR_EC_SHIFT } from "../../build/gen/esr";
import { MAX_VCPUS } from "../../build/gen/bundle";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as gic from "../lib/gic";
import * as cpu from "../lib/hal/cpu";
import * as exception from "../lib/hal/exception";

/** 32-bit counts: exceptions, and each interrupt, a vCPU behind the other. */
const exceptions: usize = memory.data(32, 4);
const interrupts: usize = memory.data(3072, 4);

function slot(n: u32, intid: u32): usize {
  return interrupts + (n * INTIDS + intid) * 4;
}

/** Takes a synchronous exception; returns where to go on: behind the instruction, or, where a fetch failed, behind the call that led there. */
export function provoked(esr: u64, elr: u64): u64 {
  const own = exceptions + cpu.number() * 4;
  store<u32>(own, load<u32>(own) + 1);
  return ((esr >> ESR_EC_SHIFT) as u32) == EC_IABT_SAME ? exception.register(30) : elr + 4;
}

/** Takes an interrupt. */
export function interrupted(): void {
  const intid = gic.acknowledge();
  if (intid >= INTIDS) return;
  const own = slot(cpu.number(), intid);
  store<u32>(own, load<u32>(own) + 1);
  if (intid == VTIMER_INTID) sysreg.writeCntvCtlEl0(0);
  if (intid == PTIMER_INTID) sysreg.writeCntpCtlEl0(0);
  cpu.isb();
  gic.end(intid);
}

/** Lets in what is pending. */
export function admit(): void {
  cpu.unmask();
  cpu.isb();
  cpu.mask();
}

/** How many exceptions the calling vCPU has provoked. */
export function provocations(): u32 {
  return load<u32>(exceptions + cpu.number() * 4);
}

/** How often an interrupt has come to the calling vCPU; and all of those from `first` on. */
export function count(intid: u32): u32 {
  return load<u32>(slot(cpu.number(), intid));
}
export function countFrom(first: u32): u32 {
  let sum: u32 = 0;
  for (let intid = first; intid < INTIDS; intid++) sum += count(intid);
  return sum;
}

/** Forgets all. */
export function clear(): void {
  memory.fill(exceptions, 0, 4 * MAX_VCPUS);
  memory.fill(interrupts, 0, 4 * INTIDS * MAX_VCPUS);
}
