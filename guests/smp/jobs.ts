// What a CPU of the smp guest can be told to do, by number. Each returns a result: for most of them 0 is good.

import { HL_YIELD, PSCI_SYSTEM_OFF } from "../../build/gen/calls";
import { VTIMER_INTID } from "../../build/gen/guest";
import * as gic from "../lib/gic";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as smp from "../lib/smp";
import * as timer from "../lib/timer";
import * as interrupts from "./interrupts";
import * as state from "./state";

/** Switches itself off: never done. */
export const OFF: u32 = 1;
/** Starts CPU `argument`; PSCI's answer, plus 16 so that none is 0 for nothing done. */
export const START: u32 = 2;
/** Sends the SGI of its own number to all others. */
export const SHOUT: u32 = 3;
/** Answers `argument` SGIs PING of CPU 0 by PONG; how many came. */
export const ANSWER: u32 = 4;
/** Holds patterns in its vector registers, or in EL1's, over `argument` rounds of switches; what differed. */
export const VECTORS: u32 = 5;
export const REGISTERS: u32 = 6;
/** Sleeps `argument` times by its timer; how often it woke early, and how many interrupts came too few or too many. */
export const SLEEP: u32 = 7;
/** Waits `argument` times in every way there is with an interrupt pending. */
export const STORM: u32 = 8;
/** Spins for `argument` microseconds without giving way. */
export const SPIN: u32 = 9;
/** Restarts CPU 0 when that is off, with `argument`. */
export const REVIVE: u32 = 10;
/** Switches the VM off. */
export const END: u32 = 11;

export const PING: u32 = 3;
export const PONG: u32 = 4;
const PENDING: u32 = 5;
const NAP: u64 = 300;
const PATIENCE: u64 = 5000000;

export function perform(job: u32, argument: u64): u64 {
  switch (job) {
    case OFF:
      smp.off();
      return 0;
    case START:
      return smp.start(argument, 0) + 16;
    case SHOUT:
      gic.sendToOthers(cpu.number());
      return 0;
    case ANSWER:
      return answer(argument as u32);
    case VECTORS:
      return state.vectors(argument as u32);
    case REGISTERS:
      return state.registers(argument as u32);
    case SLEEP:
      return sleep(argument as u32);
    case STORM:
      return storm(argument as u32);
    case SPIN:
      return spin(argument);
    case REVIVE:
      return revive(argument);
    case END:
      call.plain(PSCI_SYSTEM_OFF);
      return 0;
    default:
      return 1;
  }
}

/** Waits in WFI until an interrupt has come to this CPU so often; false if it has not. */
export function awaitOwn(intid: u32, times: u32): bool {
  const until = cpu.count() + timer.counts(PATIENCE);
  const me = cpu.number();
  while (interrupts.count(me, intid) < times && cpu.count() < until) interrupts.nap(until);
  return interrupts.count(me, intid) >= times;
}

function answer(rounds: u32): u64 {
  for (let n: u32 = 1; n <= rounds; n++) {
    if (!awaitOwn(PING, n)) return n - 1;
    gic.send(PONG, 1);
  }
  return rounds;
}

function sleep(times: u32): u64 {
  const me = cpu.number();
  const first = interrupts.count(me, VTIMER_INTID);
  let early: u64 = 0;
  for (let n: u32 = 0; n < times; n++) {
    const deadline = cpu.count() + timer.counts(NAP);
    const before = interrupts.count(me, VTIMER_INTID);
    timer.set(deadline);
    while (interrupts.count(me, VTIMER_INTID) == before) {
      cpu.wfi();
      interrupts.admit();
    }
    if (cpu.count() < deadline) early++;
  }
  return early | (interrupts.count(me, VTIMER_INTID) - first - times);
}

function storm(times: u32): u64 {
  const me = cpu.number();
  const before = interrupts.count(me, PENDING);
  for (let n: u32 = 0; n < times; n++) {
    gic.sendToSelf(PENDING);
    cpu.wfi();
    cpu.wfe();
    cpu.relax();
    call.hvc(HL_YIELD, 0, 0, 0);
  }
  interrupts.admit();
  return interrupts.count(me, PENDING) - before - 1;
}

function spin(microseconds: u64): u64 {
  const until = cpu.count() + timer.counts(microseconds);
  let turns: u64 = 0;
  while (cpu.count() < until) turns++;
  return u64(turns == 0);
}

function revive(context: u64): u64 {
  const until = cpu.count() + timer.counts(PATIENCE);
  while (smp.state(0) != smp.OFF && cpu.count() < until) interrupts.pause(100);
  return smp.start(0, context);
}
