// Two VMs with a doorbell between them and a shared region, which one (`role=writer`) may write and the other (`role=reader`) may only read: data
// crosses by the region, its turns by the doorbell.

import { DENIED, HL_DOORBELL, INVALID_PARAMETERS } from "../../build/gen/calls";
import { FSC_EXTERNAL, ISS_FSC_MASK } from "../../build/gen/esr";
import { FIRST_SPI } from "../../build/gen/gic";
import { DOORBELL_SPI, SHARED_BASE, VTIMER_INTID } from "../../build/gen/guest";
import * as bootargs from "../lib/bootargs";
import * as console from "../lib/console";
import * as gic from "../lib/gic";
import * as access from "../lib/hal/access";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as mmu from "../lib/mmu";
import * as power from "../lib/power";
import * as score from "../lib/score";
import * as timer from "../lib/timer";
import { IRQ, SYNC } from "../lib/vectors";

const BELL: u32 = FIRST_SPI + DOORBELL_SPI;
const ROUNDS: u64 = 300;
/** The region: the number of the round, then so many words that follow from it. */
const WORDS: u64 = 256;
const LAST: u64 = 0x6c617374;
/** Microseconds that the peer may take. */
const PATIENCE: u64 = 10000000;

@unmanaged
class Seen {
  rings: u32;
  aborts: u32;
  esr: u64;
  far: u64;
}
const seen = changetype<Seen>(memory.data(24, 8));

export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  if (kind == IRQ) {
    const intid = gic.acknowledge();
    if (intid == BELL) seen.rings++;
    if (intid == VTIMER_INTID) timer.cancel();
    cpu.isb();
    gic.end(intid);
    return elr;
  }
  if (kind != SYNC) power.unexpected(kind, esr, far, elr);
  seen.aborts++;
  seen.esr = esr;
  seen.far = far;
  return elr + 4;
}

function ring(): u64 {
  return call.hvc(HL_DOORBELL, 0, 0, 0);
}

/** Waits in WFI until it has been rung so often; whether it has. */
function awaitRings(rings: u32): bool {
  const until = cpu.count() + timer.counts(PATIENCE);
  while (seen.rings < rings && cpu.count() < until) {
    timer.sleepUntil(until);
    cpu.unmask();
    cpu.isb();
    cpu.mask();
  }
  timer.cancel();
  return seen.rings >= rings;
}

function word(round: u64, n: u64): u64 {
  return (round * 0x9e3779b97f4a7c15) ^ (n << 32) ^ n;
}

function fill(round: u64): void {
  for (let n: u64 = 1; n <= WORDS; n++) access.write64(SHARED_BASE + n * 8, word(round, n));
  access.write64(SHARED_BASE, round);
  cpu.dsb();
}

function holds(round: u64): bool {
  if (access.read64(SHARED_BASE) != round) return false;
  for (let n: u64 = 1; n <= WORDS; n++) {
    if (access.read64(SHARED_BASE + n * 8) != word(round, n)) return false;
  }
  return true;
}

/** The reader rings first: then it is there. */
function write(): void {
  score.same("no-such-doorbell", call.hvc(HL_DOORBELL, 1, 0, 0), INVALID_PARAMETERS);
  score.same("absurd-doorbell", call.hvc(HL_DOORBELL, (1 as u64) << 32, 0, 0), INVALID_PARAMETERS);
  score.holds("peer-is-there", awaitRings(1));
  let round: u64 = 1;
  for (; round <= ROUNDS; round++) {
    fill(round);
    if (ring() != 0 || !awaitRings((round as u32) + 1)) break;
  }
  score.same("rounds", round - 1, ROUNDS);
  access.write64(SHARED_BASE, LAST);
  cpu.dsb();
  ring();
  score.same("nothing-from-the-reader", access.read64(SHARED_BASE), LAST);
}

/** A write where only reading is allowed. */
function writeReadOnly(): void {
  const before = access.read64(SHARED_BASE + 8);
  access.write64(SHARED_BASE + 8, ~before);
  const fault = seen.aborts == 1 && seen.far == (SHARED_BASE as u64) + 8 && (seen.esr & ISS_FSC_MASK) == FSC_EXTERNAL;
  score.holds("read-only-aborts", fault);
  score.same("read-only-is-unchanged", access.read64(SHARED_BASE + 8), before);
}

function read(): void {
  const until = cpu.count() + timer.counts(PATIENCE);
  while (ring() != 0 && cpu.count() < until) timer.sleep(100);
  let right: u64 = 0;
  for (let round: u64 = 1; awaitRings(round as u32) && access.read64(SHARED_BASE) != LAST; round++) {
    if (round == 1) writeReadOnly();
    if (holds(round)) right++;
    ring();
  }
  score.same("rounds-read", right, ROUNDS);
  while (ring() == 0 && cpu.count() < until) timer.sleep(100);
  score.same("nobody-hears", ring(), DENIED);
}

export function main(fdt: u64): void {
  console.init();
  mmu.init();
  gic.init();
  gic.enable(VTIMER_INTID);
  gic.enableShared(BELL, true, 0);
  if (bootargs.is("role", "writer")) write();
  else read();
  score.summary("peers: ");
  power.off();
}
