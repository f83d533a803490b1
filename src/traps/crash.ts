// An exception from EL2 itself, a bug of ours: registers, syndrome and a backtrace with names of functions, then the end of the run.

import { IMAGE_VA } from "../../build/gen/layout";
import * as crash from "../hal/crash";
import * as halt from "../log/halt";
import * as log from "../log/log";
import * as cpus from "../sched/cpus";

/** Indices of the registers that the vector has saved, behind X0 to X30. */
const SP: u32 = 31;
const ELR: u32 = 32;
const SPSR: u32 = 33;
const ESR: u32 = 34;
const FAR: u32 = 35;
const HPFAR: u32 = 36;

const MAX_DEPTH: u32 = 24;
const MAX_NAME: u32 = 63;
/** No function of ours is larger: what lies farther behind a symbol is no code. */
const MAX_FUNCTION: u64 = 0x10000;

const name: usize = memory.data(64, 8);

/** Which entry of the table of functions an address belongs to, plus one; 0 is none. The entries are in ascending order. */
function find(pc: u64): u32 {
  const count = crash.symbolWord(0);
  let found: u32 = 0;
  while (found < count && start(found) <= pc) found++;
  return found == 0 || pc - start(found - 1) > MAX_FUNCTION ? 0 : found;
}

/** Where a function starts: its entry has an offset in the image, then one in the names. */
function start(entry: u32): u64 {
  return IMAGE_VA + crash.symbolWord(1 + 2 * entry);
}

/** Copies the name of an entry; names are bytes behind the entries, each ends with 0. */
function readName(entry: u32): void {
  const from = 4 * (1 + 2 * crash.symbolWord(0)) + crash.symbolWord(2 + 2 * entry);
  for (let at: u32 = 0; at <= MAX_NAME; at++) {
    const byte = at == MAX_NAME ? 0 : (crash.symbolWord((from + at) >> 2) >> (((from + at) & 3) << 3)) & 0xff;
    store<u8>(name + at, byte);
    if (byte == 0) return;
  }
}

/** One line of the backtrace. The instruction that counts lies `back` bytes before `pc`: a call can be the last one of its function. */
function line(pc: u64, back: u64): void {
  const found = find(pc - back);
  if (found == 0) {
    log.emergency("  0x%x", pc);
    return;
  }
  readName(found - 1);
  log.emergency("  0x%x %s+0x%x", pc, name, pc - start(found - 1));
}

/** The frame records that X29 leads to (AAPCS64, 6.4.6): the caller's X29, then the return address. */
function backtrace(): void {
  line(crash.register(ELR), 0);
  let frame = crash.register(29);
  for (let depth: u32 = 0; depth < MAX_DEPTH && frame != 0; depth++) {
    const caller = crash.stackWord(frame);
    line(crash.stackWord(frame + 8), 4);
    if (caller <= frame) break;
    frame = caller;
  }
}

/** `vector`: which of the sixteen, from 0. Does not return. */
export function report(vector: u64): void {
  cpus.stopOthers();
  const esr = crash.register(ESR);
  log.emergency("an exception at EL2: vector %d, class 0x%x, syndrome 0x%x", vector, (esr >> 26) & 63, esr);
  log.emergency("pc 0x%x  sp 0x%x  pstate 0x%x", crash.register(ELR), crash.register(SP), crash.register(SPSR));
  log.emergency("far 0x%x  hpfar 0x%x", crash.register(FAR), crash.register(HPFAR));
  for (let n: u32 = 0; n < 30; n += 2) log.emergency("x%d 0x%x 0x%x", n, crash.register(n), crash.register(n + 1));
  log.emergency("x30 0x%x", crash.register(30));
  backtrace();
  halt.crash("an exception at EL2, syndrome 0x%x at pc 0x%x", esr, crash.register(ELR));
}
