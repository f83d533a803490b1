// What the hostile VMs of a system have in common: a page of a shared region, which no reset clears. There the leader says which attack is on, and
// until when, by the board's count; there it finds where it was, when it has reset itself.

import { VM_FACT_START_COUNT } from "../../build/gen/calls";
import { SHARED_BASE } from "../../build/gen/guest";
import * as facts from "../lib/facts";
import * as access from "../lib/hal/access";
import * as cpu from "../lib/hal/cpu";
import * as mmu from "../lib/mmu";
import * as timer from "../lib/timer";

/** Where the region is seen as Normal memory, so that exclusives work there. */
const REGION: u64 = (4 as u64) << 30;

const enum Word {
  /** The number of the latest turn, from 1; 0: none has begun. */
  TURN = 0,
  /** Its attack, and the counts at its begin and end. */
  ATTACK = 8,
  FROM = 16,
  UNTIL = 24,
  /** How often the leader has restarted in this turn. */
  RESTARTS = 32,
  /** The first turn of the repertoire that is measured; 0: it has not come yet. */
  MEASURED = 40,
  /** Followers that have done their part of a turn: its number. */
  FOLLOWED = 48,
  /** Added to by all, with exclusives; and by how much, turn by turn, by those who say so before they are done. */
  CONTENDED = 128,
  EXPECTED = 192,
}
/** Bytes that anybody writes at any moment. */
const SCRATCH: u64 = 0x400;

/** The board's count when this VM's count was zero. */
const origin: usize = memory.data(8, 8);

/** With the MMU on. */
export function init(): void {
  store<u64>(origin, facts.ofVm(VM_FACT_START_COUNT));
  mmu.mapPage(REGION, SHARED_BASE, mmu.NORMAL);
}

/** The board's count. */
export function now(): u64 {
  return load<u64>(origin) + cpu.count();
}
/** The virtual count at a count of the board. */
export function virtual(count: u64): u64 {
  return count - load<u64>(origin);
}

export function turn(): u64 {
  return access.read64(REGION + Word.TURN);
}
export function attack(): u32 {
  return access.read64(REGION + Word.ATTACK) as u32;
}
export function from(): u64 {
  return access.read64(REGION + Word.FROM);
}
export function until(): u64 {
  return access.read64(REGION + Word.UNTIL);
}
export function isOn(): bool {
  return now() < until();
}

/** Begins the next turn: so many microseconds. */
export function begin(attack: u32, microseconds: u64): void {
  const start = now();
  access.write64(REGION + Word.ATTACK, attack);
  access.write64(REGION + Word.FROM, start);
  access.write64(REGION + Word.UNTIL, start + timer.counts(microseconds));
  access.write64(REGION + Word.RESTARTS, 0);
  cpu.dsb();
  access.write64(REGION + Word.TURN, turn() + 1);
}

export function restarts(): u64 {
  return access.read64(REGION + Word.RESTARTS);
}
export function setRestarts(times: u64): void {
  access.write64(REGION + Word.RESTARTS, times);
}

export function measured(): u64 {
  return access.read64(REGION + Word.MEASURED);
}
export function setMeasured(turn: u64): void {
  access.write64(REGION + Word.MEASURED, turn);
}

/** The latest turn that the follower has done its part of. */
export function followed(): u64 {
  return access.read64(REGION + Word.FOLLOWED);
}
export function setFollowed(turn: u64): void {
  cpu.dsb();
  access.write64(REGION + Word.FOLLOWED, turn);
}

/** Adds 1 to the word that all contend for. */
export function contend(): void {
  access.add64(REGION + Word.CONTENDED, 1);
}
/** Says how often the caller did. */
export function confess(times: u64): void {
  access.add64(REGION + Word.EXPECTED, times);
}
export function contended(): u64 {
  return access.read64(REGION + Word.CONTENDED);
}
export function expected(): u64 {
  return access.read64(REGION + Word.EXPECTED);
}

/** Bytes that change while they are read: by this VM's addresses, and by its intermediate physical ones. */
export function scratch(): u64 {
  return REGION + SCRATCH;
}
export function scratchIpa(): u64 {
  return SHARED_BASE + SCRATCH;
}
