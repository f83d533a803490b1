// An exception from EL2 itself, a bug of ours: registers, syndrome and a backtrace with names of functions, then the end of the run.

import * as crash from "../hal/crash";
import * as halt from "../log/halt";
import * as log from "../log/log";

/** Indices of the registers that the vector has saved, behind X0 to X30. */
const SP: u32 = 31;
const ELR: u32 = 32;
const SPSR: u32 = 33;
const ESR: u32 = 34;
const FAR: u32 = 35;
const HPFAR: u32 = 36;

const NO_SYMBOL: u64 = 0xffffffffffffffff;
const MAX_DEPTH: u32 = 24;
const MAX_NAME: u32 = 63;

const name: usize = memory.data(64, 8);

/** One line of the backtrace. The instruction that counts lies `back` bytes before `pc`: a call can be the last one of its function. */
function line(pc: u64, back: u64): void {
  const found = crash.symbol(pc - back);
  if (found == NO_SYMBOL) {
    log.emergency("  0x%x", pc);
    return;
  }
  let at: u32 = 0;
  for (; at < MAX_NAME; at++) {
    const byte = crash.symbolByte((found >> 32) as u32, at);
    if (byte == 0) break;
    store<u8>(name + at, byte);
  }
  store<u8>(name + at, 0);
  log.emergency("  0x%x %s+0x%x", pc, name, (found & 0xffffffff) + back);
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
  const esr = crash.register(ESR);
  log.emergency("an exception at EL2: vector %d, class 0x%x, syndrome 0x%x", vector, (esr >> 26) & 63, esr);
  log.emergency("pc 0x%x  sp 0x%x  pstate 0x%x", crash.register(ELR), crash.register(SP), crash.register(SPSR));
  log.emergency("far 0x%x  hpfar 0x%x", crash.register(FAR), crash.register(HPFAR));
  for (let n: u32 = 0; n < 30; n += 2) log.emergency("x%d 0x%x 0x%x", n, crash.register(n), crash.register(n + 1));
  log.emergency("x30 0x%x", crash.register(30));
  backtrace();
  halt.crash("an exception at EL2, syndrome 0x%x at pc 0x%x", esr, crash.register(ELR));
}
