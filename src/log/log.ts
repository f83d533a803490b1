// Levelled logging. A line is `<6>[   12.345678] cpu0 vm1 sched: text`: severity (RFC 5424), seconds since boot, CPU, VM if any, module. It is kept
// (src/log/kept.ts), and goes to the console at once. Each module has a level of its own.
//
// In a text, %d is a decimal, %x a hexadecimal number, %s zero-terminated bytes at an address; three of them at most.

import { IN_MAIN, LOG_DEBUG, LOG_EMERG, LOG_ERR, LOG_INFO, LOG_MODULES, LOG_NOTICE, LOG_WARNING } from "../../build/gen/console";
import { logModuleName } from "../../build/gen/log-modules";
import * as cpu from "../hal/cpu";
import * as sysreg from "../hal/sysreg";
import * as guard from "./guard";
import * as kept from "./kept";
import * as notes from "./notes";
import * as text from "./text";
import { Into } from "./text";
import * as wire from "./wire";

/** A line that belongs to no VM. */
const NO_VM: u32 = 0xffffffff;

const SPACE: u32 = 0x20;
const LF: u32 = 0x0a;

/** One byte a module: the least urgent severity that is still logged, plus one; 0, as memory starts, is the default. */
const levels: usize = memory.data(64, 8);

/** `<6>[   12.345678] ` */
function begin(severity: u32): void {
  notes.finishLine();
  wire.startLine(0);
  const count = sysreg.readCntpctEl0();
  const frequency = sysreg.readCntfrqEl0();
  text.byte(Into.LOG, 0x3c);
  text.byte(Into.LOG, 0x30 + severity);
  text.literal(Into.LOG, ">[");
  if (frequency == 0) {
    text.decimal(Into.LOG, 0, 5, SPACE);
    text.literal(Into.LOG, ".000000");
  } else {
    text.decimal(Into.LOG, count / frequency, 5, SPACE);
    text.byte(Into.LOG, 0x2e);
    text.decimal(Into.LOG, ((count % frequency) * 1000000) / frequency, 6, 0x30);
  }
  text.literal(Into.LOG, "] ");
}

function levelOf(module: u32): u32 {
  const level = load<u8>(levels + module) as u32;
  return level == 0 ? LOG_INFO : level - 1;
}

/** Sets the least urgent severity that a module still logs. */
export function setLevel(module: u32, severity: u32): void {
  if (module < LOG_MODULES) store<u8>(levels + module, severity + 1);
}

/** A whole line of any severity, for whoever holds the console's lock (src/log/guard.ts). */
export function writeLocked(severity: u32, module: u32, vm: u32, s: string, a: u64, b: u64, c: u64): void {
  if (severity > levelOf(module)) return;
  begin(severity);
  text.literal(Into.LOG, "cpu");
  text.decimal(Into.LOG, cpu.number(), 1, SPACE);
  if (vm != NO_VM) {
    text.literal(Into.LOG, " vm");
    text.decimal(Into.LOG, vm, 1, SPACE);
  }
  text.byte(Into.LOG, SPACE);
  text.literal(Into.LOG, logModuleName(module));
  text.literal(Into.LOG, ": ");
  text.format(Into.LOG, s, a, b, c);
  text.byte(Into.LOG, LF);
}

/** A whole line of any severity. */
export function write(severity: u32, module: u32, vm: u32, s: string, a: u64, b: u64, c: u64): void {
  guard.enter();
  writeLocked(severity, module, vm, s, a, b, c);
  guard.leave();
}

export function err(module: u32, s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  write(LOG_ERR, module, NO_VM, s, a, b, c);
}
export function warning(module: u32, s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  write(LOG_WARNING, module, NO_VM, s, a, b, c);
}
export function notice(module: u32, s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  write(LOG_NOTICE, module, NO_VM, s, a, b, c);
}
export function info(module: u32, s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  write(LOG_INFO, module, NO_VM, s, a, b, c);
}
export function debug(module: u32, s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  write(LOG_DEBUG, module, NO_VM, s, a, b, c);
}

/** A line of a crash report: never filtered, and no other CPU keeps it waiting. */
export function emergency(s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  guard.seize();
  writeLocked(LOG_EMERG, IN_MAIN, NO_VM, s, a, b, c);
}

/** The last line of a run (abi/console.ts), for whoever holds the console's lock: `mark`, then the reason. */
export function lastLocked(severity: u32, mark: string, s: string, a: u64, b: u64, c: u64): void {
  begin(severity);
  text.literal(Into.LOG, mark);
  if (s.length != 0) text.byte(Into.LOG, SPACE);
  text.format(Into.LOG, s, a, b, c);
  text.byte(Into.LOG, LF);
}

/** Where the log ends: bytes ever written, modulo 2^32. */
export function end(): u32 {
  guard.enter();
  const bytes = kept.end();
  guard.leave();
  return bytes;
}
