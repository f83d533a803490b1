// Levelled logging. A line is `<6>[   12.345678] cpu0 vm1 sched: text`: severity (RFC 5424), seconds since boot, CPU, VM if any, module. It goes
// into a ring, which survives and is read over the link, and to the console. Each module has a level of its own.
//
// In a text, %d is a decimal, %x a hexadecimal number, %s zero-terminated bytes at an address; three of them at most.

import { IN_MAIN, LOG_DEBUG, LOG_EMERG, LOG_ERR, LOG_INFO, LOG_MODULES, LOG_NOTICE, LOG_WARNING } from "../../build/gen/console";
import { logModuleName } from "../../build/gen/log-modules";
import * as cpu from "../hal/cpu";
import * as sysreg from "../hal/sysreg";
import * as console from "./console";

/** A line that belongs to no VM. */
export const NO_VM: u32 = 0xffffffff;

const RING_SIZE: u32 = 0x10000;

/** One byte a module: the least urgent severity that is still logged, plus one; 0, as memory starts, is the default. */
const levels: usize = memory.data(64, 8);
const ring: usize = memory.data(65536, 8);
/** Bytes ever written into the ring. */
const written: usize = memory.data(8, 8);

function emit(byte: u32): void {
  const at = load<u32>(written);
  store<u8>(ring + (at & (RING_SIZE - 1)), byte);
  store<u32>(written, at + 1);
  console.logByte(byte);
}

function text(s: string): void {
  const length = s.length;
  for (let i = 0; i < length; i++) emit(s.charCodeAt(i));
}

/** A decimal number, padded on the left to `width` with `fill`. */
function decimal(value: u64, width: u32, fill: u32): void {
  let divisor: u64 = 1;
  let digits: u32 = 1;
  while (value / divisor >= 10) {
    divisor *= 10;
    digits++;
  }
  for (; digits < width; width--) emit(fill);
  for (; divisor != 0; divisor /= 10) emit(0x30 + (((value / divisor) % 10) as u32));
}

function hexadecimal(value: u64): void {
  let shift: u32 = 60;
  while (shift > 0 && value >> shift == 0) shift -= 4;
  for (;;) {
    const digit = ((value >> shift) & 15) as u32;
    emit(digit < 10 ? 0x30 + digit : 0x57 + digit);
    if (shift == 0) return;
    shift -= 4;
  }
}

function bytes(address: usize): void {
  for (let byte = load<u8>(address) as u32; byte != 0; byte = load<u8>(address)) {
    emit(byte >= 0x20 && byte < 0x7f ? byte : 0x3f);
    address++;
  }
}

function format(s: string, a: u64, b: u64, c: u64): void {
  const length = s.length;
  for (let i = 0; i < length; i++) {
    const char = s.charCodeAt(i) as u32;
    if (char != 0x25 || i + 1 == length) {
      emit(char);
      continue;
    }
    i++;
    const kind = s.charCodeAt(i) as u32;
    if (kind == 0x64) decimal(a, 1, 0x20);
    else if (kind == 0x78) hexadecimal(a);
    else bytes(a as usize);
    a = b;
    b = c;
  }
}

/** `<6>[   12.345678] ` */
function stamp(severity: u32): void {
  console.startLine();
  const count = sysreg.readCntpctEl0();
  const frequency = sysreg.readCntfrqEl0();
  emit(0x3c);
  emit(0x30 + severity);
  text(">[");
  if (frequency == 0) {
    decimal(0, 5, 0x20);
    text(".000000");
  } else {
    decimal(count / frequency, 5, 0x20);
    emit(0x2e);
    decimal(((count % frequency) * 1000000) / frequency, 6, 0x30);
  }
  text("] ");
}

function levelOf(module: u32): u32 {
  const level = load<u8>(levels + module) as u32;
  return level == 0 ? LOG_INFO : level - 1;
}

/** Sets the least urgent severity that a module still logs. */
export function setLevel(module: u32, severity: u32): void {
  if (module < LOG_MODULES) store<u8>(levels + module, severity + 1);
}

/** A whole line of any severity. */
export function write(severity: u32, module: u32, vm: u32, s: string, a: u64, b: u64, c: u64): void {
  if (severity > levelOf(module)) return;
  stamp(severity);
  text("cpu");
  decimal(cpu.number(), 1, 0x20);
  if (vm != NO_VM) {
    text(" vm");
    decimal(vm, 1, 0x20);
  }
  emit(0x20);
  text(logModuleName(module));
  text(": ");
  format(s, a, b, c);
  emit(0x0a);
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

/** A line of a crash report: never filtered. */
export function emergency(s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  write(LOG_EMERG, IN_MAIN, NO_VM, s, a, b, c);
}

/** The last line of a run (abi/console.ts): `mark`, then the reason. */
export function last(severity: u32, mark: string, s: string, a: u64, b: u64, c: u64): void {
  stamp(severity);
  text(mark);
  if (s.length != 0) emit(0x20);
  format(s, a, b, c);
  emit(0x0a);
}

/** For parts of a line: a crash's backtrace. */
export function part(byte: u32): void {
  emit(byte);
}
