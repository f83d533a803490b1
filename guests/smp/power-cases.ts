// CPUs switched on and off by PSCI (Arm DEN0022, 5.4 to 5.7), with right and with wrong arguments.

import {
  ALREADY_ON,
  INVALID_ADDRESS,
  INVALID_PARAMETERS,
  ON_PENDING,
  PSCI_CPU_ON_64,
  PSCI_CPU_SUSPEND_64,
} from "../../build/gen/calls";
import { UART_BASE } from "../../build/gen/guest";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as image from "../lib/hal/image";
import * as score from "../lib/score";
import * as smp from "../lib/smp";
import * as timer from "../lib/timer";
import * as crew from "./crew";
import * as interrupts from "./interrupts";
import * as jobs from "./jobs";

/** The context of CPU `n` at its first start. */
const CONTEXT: u64 = 0x123456789abc0000;
const RACES: u32 = 20;
const ROUNDS: u32 = 10;
const SETTLE: u64 = 500;
const PATIENCE: u64 = 2000000;
/** MPIDRs that no CPU has: another cluster, a reserved bit, all bits. */
const AFF1: u64 = 1 << 8;
const RESERVED: u64 = (1 as u64) << 31;
const ALL: u64 = 0xffffffffffffffff;

function cpuOn(mpidr: u64, entry: u64): u64 {
  return call.hvc(PSCI_CPU_ON_64, mpidr, entry, 0);
}

function wrongArguments(): void {
  const entry = image.secondaryEntry();
  const last: u64 = crew.count() - 1;
  score.same("cpu-on-nobody", cpuOn(last + 1, entry), INVALID_PARAMETERS);
  score.same("cpu-on-other-cluster", cpuOn(AFF1 | last, entry), INVALID_PARAMETERS);
  score.same("cpu-on-reserved-bit", cpuOn(RESERVED | last, entry), INVALID_PARAMETERS);
  score.same("cpu-on-absurd", cpuOn(ALL, entry), INVALID_PARAMETERS);
  score.same("cpu-on-entry-in-a-device", cpuOn(last, UART_BASE), INVALID_ADDRESS);
  score.same("cpu-on-entry-nowhere", cpuOn(last, ALL & ~(3 as u64)), INVALID_ADDRESS);
  score.same("affinity-info-other-cluster", smp.state(AFF1 | last), INVALID_PARAMETERS);
  score.same("affinity-info-absurd", smp.state(ALL), INVALID_PARAMETERS);
}

function starts(): void {
  let off = true;
  let answers: u64 = 0;
  let right = true;
  let on = true;
  let again = true;
  let leftovers: u64 = 0;
  for (let n: u32 = 1; n < crew.count(); n++) {
    off = off && smp.state(n) == smp.OFF;
    answers |= crew.start(n, CONTEXT + n);
    right = right && crew.mate(n).starts == 1 && crew.mate(n).context == CONTEXT + n;
    leftovers |= crew.mate(n).leftovers;
    on = on && smp.state(n) == smp.ON;
    again = again && smp.start(n, 0) == ALREADY_ON;
  }
  score.holds("off-at-first", off);
  score.same("cpu-on", answers, 0);
  score.holds("cpu-on-starts-once-with-its-context", right);
  score.same("cpu-on-registers-are-zero", leftovers, 0);
  score.holds("affinity-info-on", on && smp.state(0) == smp.ON);
  score.holds("cpu-on-again", again && smp.start(0, 0) == ALREADY_ON);
}

/** Has CPU `n` go off; whether it is. */
function switchOff(n: u32): bool {
  crew.order(n, jobs.OFF, 0);
  const until = cpu.count() + timer.counts(PATIENCE);
  while (smp.state(n) != smp.OFF && cpu.count() < until) interrupts.pause(100);
  crew.mate(n).job = 0;
  return smp.state(n) == smp.OFF;
}

function rounds(): void {
  let right = true;
  for (let round: u32 = 0; round < ROUNDS; round++) {
    for (let n: u32 = 1; n < crew.count(); n++) {
      if (!switchOff(n) || crew.start(n, round) != 0 || crew.mate(n).context != round) right = false;
    }
  }
  score.holds("cpu-off-and-on", right);
}

/** Two CPUs start a third one at the same time. */
function races(): void {
  if (crew.count() < 3) return;
  const target = crew.count() - 1;
  let right = true;
  for (let round: u32 = 0; round < RACES; round++) {
    if (!switchOff(target)) right = false;
    const before = crew.mate(target).starts;
    crew.order(1, jobs.START, target);
    const mine = smp.start(target, 0);
    crew.finish(1);
    const theirs = crew.mate(1).result - 16;
    const loser = mine == 0 ? theirs : mine;
    if ((mine == 0) == (theirs == 0) || (loser != ALREADY_ON && loser != ON_PENDING)) right = false;
    crew.awaitStart(target, before + 1);
    interrupts.pause(200);
    right = right && crew.mate(target).starts == before + 1;
  }
  score.holds("cpu-on-by-two-at-once", right);
}

function suspend(): void {
  // Nothing else that is pending may end it.
  interrupts.pause(SETTLE);
  const deadline = cpu.count() + timer.counts(500);
  timer.set(deadline);
  const answer = call.hvc(PSCI_CPU_SUSPEND_64, 0, 0, 0);
  const woke = cpu.count();
  timer.cancel();
  score.same("cpu-suspend", answer, 0);
  score.holds("cpu-suspend-lasts-until-the-timer", woke >= deadline);
}

export function cases(): void {
  wrongArguments();
  starts();
  rounds();
  races();
  suspend();
}
