// What came of one step of the wild guest, held against the architecture's answer: `ok NAME`, or `WRONG NAME` with what came instead.

import {
  EC_BRK,
  EC_DABT_LOWER,
  EC_DABT_SAME,
  EC_IABT_LOWER,
  EC_IABT_SAME,
  EC_SYSREG,
  EC_UNKNOWN,
  ESR_EC_SHIFT,
  ESR_IL,
  FSC_EXTERNAL,
  FSC_EXTERNAL_WALK_L0,
  FSC_KIND_MASK,
  ISS_FSC_MASK,
} from "../../build/gen/esr";
import * as console from "../lib/console";
import * as instruction from "../lib/hal/instruction";
import * as score from "../lib/score";
import { codeOfEl0 } from "./places";

/** Synchronous exceptions since the step began, and the latest of them. */
@unmanaged
class Seen {
  count: u32;
  reserved: u32;
  esr: u64;
  far: u64;
  elr: u64;
}
const seen = changetype<Seen>(memory.data(32, 8));

/** Exceptions from EL0 are told apart by their vector and by their classes: those of a lower level. */
const lower: usize = memory.data(4, 4);
const EC_SVC: u64 = 0x56000000;

export function note(esr: u64, far: u64, elr: u64): void {
  seen.count++;
  seen.esr = esr;
  seen.far = far;
  seen.elr = elr;
}

/** One from EL0: the SVC behind the instruction says that there was none. */
export function noteEl0(esr: u64, far: u64, elr: u64): void {
  if (esr == EC_SVC) return;
  note(esr, far, elr);
  store<u32>(lower, 1);
}

/** Begins a step. */
export function begin(): void {
  store<u32>(lower, 0);
  seen.count = 0;
  seen.esr = 0;
  seen.far = 0;
  seen.elr = 0;
}

/** How many there have been. */
export function exceptions(): u32 {
  return seen.count;
}

/** Runs one instruction as a step of its own; returns x0. */
export function run(word: u32, x0: u64, x1: u64): u64 {
  begin();
  return instruction.run(word, x0, x1, 0, 0);
}

/** The same at EL0. */
export function runAtEl0(word: u32, x0: u64, x1: u64): u64 {
  begin();
  return instruction.runAtEl0(word, codeOfEl0(), x0, x1);
}

/** Calls an address as a step of its own. */
export function jump(target: u64): void {
  begin();
  instruction.jump(target);
}

function verdict(holds: bool, name: string): void {
  if (!score.tell(holds, name)) {
    console.line("", "%d exceptions, syndrome 0x%x, address 0x%x", seen.count, seen.esr, seen.far);
    console.line("", "at 0x%x, the instruction at 0x%x", seen.elr, instructionAt());
  } else {
    console.newLine();
  }
}

/** Where the step's instruction was. */
function instructionAt(): u64 {
  return load<u32>(lower) == 0 ? instruction.address() : codeOfEl0();
}

/** The instruction itself took one exception of this syndrome. */
function tookOne(esr: u64): bool {
  return seen.count == 1 && seen.elr == instructionAt() && seen.esr == esr;
}

/** UNDEFINED, and nothing more said. */
export function undefined(name: string): void {
  verdict(tookOne(((EC_UNKNOWN as u64) << ESR_EC_SHIFT) | ESR_IL), name);
}

/** The exception of a system register's access, which `iss` describes. */
export function trapped(name: string, iss: u32): void {
  verdict(tookOne(((EC_SYSREG as u64) << ESR_EC_SHIFT) | ESR_IL | iss), name);
}

/** No exception at all. */
export function nothing(name: string): void {
  verdict(seen.count == 0, name);
}

/** No exception, and `is` came out where `should` was due. */
export function value(name: string, is: u64, should: u64): void {
  const holds = seen.count == 0 && is == should;
  if (score.tell(holds, name)) console.newLine();
  else console.line("", "0x%x for 0x%x, %d exceptions", is, should, seen.count);
}

/** No exception, and `is` lies in [low, high]. */
export function between(name: string, is: u64, low: u64, high: u64): void {
  const holds = seen.count == 0 && is >= low && is <= high;
  if (score.tell(holds, name)) console.newLine();
  else console.line("", "0x%x is not in [0x%x, 0x%x]", is, low, high);
}

/** Whether the instruction took an external abort on data, reported at an address in [far, far + bytes). */
function externalAbort(far: u64, bytes: u64): bool {
  const class_ = load<u32>(lower) == 0 ? EC_DABT_SAME : EC_DABT_LOWER;
  const isAbort =
    ((seen.esr >> ESR_EC_SHIFT) as u32) == class_ && (seen.esr & ESR_IL) != 0 && (seen.esr & ISS_FSC_MASK) == FSC_EXTERNAL;
  return seen.count == 1 && seen.elr == instructionAt() && isAbort && seen.far - far < bytes;
}

/** A synchronous external abort on data at `far`. */
export function dataAbort(name: string, far: u64): void {
  verdict(externalAbort(far, 1), name);
}
/** One at any of the bytes of an access. */
export function dataAbortWithin(name: string, far: u64, bytes: u64): void {
  verdict(externalAbort(far, bytes), name);
}
/** One, or no exception: the architecture leaves it open. */
export function dataAbortOrNothing(name: string, far: u64): void {
  verdict(seen.count == 0 || externalAbort(far, 1), name);
}

/** A synchronous external abort on the fetch from `target`. */
export function fetchAbort(name: string, target: u64): void {
  const isAbort = ((seen.esr >> ESR_EC_SHIFT) as u32) == EC_IABT_SAME && (seen.esr & ISS_FSC_MASK) == FSC_EXTERNAL;
  verdict(seen.count == 1 && isAbort && seen.far == target && seen.elr == target, name);
}

/** The same for EL0, whose instruction lies there. */
export function fetchAbortFromEl0(name: string, target: u64): void {
  const isAbort = ((seen.esr >> ESR_EC_SHIFT) as u32) == EC_IABT_LOWER && (seen.esr & ISS_FSC_MASK) == FSC_EXTERNAL;
  verdict(seen.count == 1 && load<u32>(lower) == 1 && isAbort && seen.far == target && seen.elr == target, name);
}

/** BRK #0, from EL0. */
export function breakpoint(name: string): void {
  verdict(load<u32>(lower) == 1 && tookOne(((EC_BRK as u64) << ESR_EC_SHIFT) | ESR_IL), name);
}

/** Whether the latest exception was an external abort on a walk, of any level; `fetch`: on the walk for a fetch. */
function walkAbort(fetch: bool, far: u64): bool {
  const onWalk = ((seen.esr as u32) & FSC_KIND_MASK) == FSC_EXTERNAL_WALK_L0;
  const class_: u32 = fetch ? EC_IABT_SAME : EC_DABT_SAME;
  return seen.count == 1 && ((seen.esr >> ESR_EC_SHIFT) as u32) == class_ && onWalk && seen.far == far;
}
export function dataWalkAbort(name: string, far: u64): void {
  verdict(walkAbort(false, far), name);
}
export function fetchWalkAbort(name: string, far: u64): void {
  verdict(walkAbort(true, far) && seen.elr == far, name);
}
/** One, or a fault in PAR_EL1, which `par` is: an address translation whose walk fails may do either. */
export function walkAbortOrFault(name: string, far: u64, par: u64): void {
  verdict(walkAbort(false, far) || (seen.count == 0 && (par & 1) == 1), name);
}
