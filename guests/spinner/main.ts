// A guest that only computes: it counts for `seconds` of its own time (10 by default), and says how far it came and how much of the board's time each
// of its CPUs has had. Two of them side by side show how a scheduler shares; since they do not start at the same moment, each computes for `lead`
// seconds before and behind. With `run=forever` it counts without end, in the first word of its shared region, so that others see whether it runs.

import { VCPU_FACT_RUN_TIME, VCPU_FACT_STOLEN, VCPU_FACT_SWITCHES } from "../../build/gen/calls";
import { MAX_VCPUS } from "../../build/gen/bundle";
import { SHARED_BASE } from "../../build/gen/guest";
import * as bootargs from "../lib/bootargs";
import * as console from "../lib/console";
import * as facts from "../lib/facts";
import * as access from "../lib/hal/access";
import * as cpu from "../lib/hal/cpu";
import * as power from "../lib/power";
import * as smp from "../lib/smp";
import * as timer from "../lib/timer";

const SECOND: u64 = 1000000;

@unmanaged
class Result {
  done: u64;
  turns: u64;
  ran: u64;
  stolen: u64;
}
const RESULT: u32 = 32;
const results: usize = memory.data(256, 8);

function result(n: u32): Result {
  return changetype<Result>(results + n * RESULT);
}

export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  power.unexpected(kind, esr, far, elr);
  return elr;
}

/** Counts until the virtual count reaches `end`; returns how far. */
function count(end: u64): u64 {
  let turns: u64 = 0;
  while (cpu.count() < end) turns++;
  return turns;
}

/** What each CPU does; `start` is the virtual count that it begins at. */
function compute(start: u64): void {
  const own = result(cpu.number());
  const lead = timer.counts(bootargs.number("lead", 0) * SECOND);
  const length = timer.counts(bootargs.number("seconds", 10) * SECOND);
  count(start + lead);
  own.ran = facts.ofVcpu(VCPU_FACT_RUN_TIME);
  own.stolen = facts.ofVcpu(VCPU_FACT_STOLEN);
  own.turns = count(start + lead + length);
  own.ran = facts.ofVcpu(VCPU_FACT_RUN_TIME) - own.ran;
  own.stolen = facts.ofVcpu(VCPU_FACT_STOLEN) - own.stolen;
  count(start + lead + length + lead);
  cpu.dsb();
  own.done = 1;
}

/** A further CPU: its context is when to begin. */
export function onCpu(context: u64, leftovers: u64): void {
  compute(context);
}

/** QEMU runs no other CPU under -icount while this one does not give way. */
function forever(): void {
  for (let turns: u64 = 1; ; turns++) {
    access.write64(SHARED_BASE, turns);
    cpu.relax();
  }
}

export function main(fdt: u64): void {
  console.init();
  if (bootargs.is("run", "forever")) forever();
  const cpus = min<u32>(smp.count(), MAX_VCPUS);
  const start = cpu.count();
  for (let n: u32 = 1; n < cpus; n++) smp.start(n, start);
  compute(start);
  for (let n: u32 = 0; n < cpus; n++) {
    while (result(n).done == 0) cpu.relax();
    const ran = timer.nanoseconds(result(n).ran) / 1000;
    const stolen = timer.nanoseconds(result(n).stolen) / 1000;
    console.line("spinner", "CPU %d counted to %d", n, result(n).turns);
    console.line("spinner", "CPU %d ran for %d us, waited for %d us", n, ran, stolen);
  }
  console.line("spinner", "%d switches of CPU 0", facts.ofVcpu(VCPU_FACT_SWITCHES));
  console.text("spinner: done\r\n");
  power.off();
}
