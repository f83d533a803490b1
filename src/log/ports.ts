// The console's ports, one a VM: what it has printed, of which the last RING bytes are kept, and what was typed for it. The caller holds the console's
// lock.

import { FR_BUSY, FR_TXFE, FR_TXFF } from "../../build/gen/pl011";
import { MAX_VMS } from "../../build/gen/bundle";
import * as atomic from "../hal/atomic";
import * as arena from "../lib/arena";

const RING: u32 = 0x10000;
/** Room for what was typed before it is read. */
const QUEUE: u32 = 0x4000;
/** A port whose output must not be lost takes no more from a guest that behaves once it has less room than this. */
const RESERVE: u32 = 64;
/** An unfinished line is held back up to this length. */
const LINE_MAX: u32 = RING >> 1;
/** No port. */
export const NONE: u32 = 0xffffffff;

const CR: u32 = 0x0d;
const LF: u32 = 0x0a;

@unmanaged
export class Port {
  /** Zero-terminated. */
  name: usize;
  nameLength: u32;
  /** Its output; behind it what was typed for it. 0: it was never opened. */
  ring: usize;
  /** Counts of bytes, modulo 2^32: ever printed; handed on to the serial line; those that may be. `printed - sent` is at most RING. */
  printed: u32;
  sent: u32;
  due: u32;
  /** Where its last line begins. */
  lineStart: u32;
  /** Output was lost that nobody has seen. */
  lost: u32;
  /** Its unfinished line on the serial line was ended for another's sake. */
  broken: u32;
  /** What was typed: where it starts in the queue, how much there is. */
  typedAt: u32;
  typed: u32;
}

/** All ports; sets of them have one bit a port. */
@unmanaged
class Ports {
  open: u64;
  /** Something is due. */
  pending: u64;
  /** Something was typed. */
  typed: u64;
  /** The guest would take input. */
  listening: u64;
  /** It takes input beside its UART. */
  beside: u64;
  /** The guest has been told that there is no room. */
  full: u64;
  /** There is room again, which its guest does not know yet; the board's UART will interrupt. */
  drained: u64;
  /** That interrupt has come. */
  resumed: u64;
  /** How many VMs the system has. */
  count: u32;
  /** Output goes line by line. */
  byLine: u32;
}
export const all = changetype<Ports>(memory.data(72, 8));

const records: usize = memory.data(4096, 8);
/** For each port what differs in UARTFR from a transmitter with nothing to do; atomic, for it is read without the lock. */
const flags: usize = memory.data(256, 4);

export function at(n: u32): Port {
  return changetype<Port>(records + (n << 6));
}

export function bit(n: u32): u64 {
  return (1 as u64) << (n as u64);
}

/** Whether VM `n` prints, and reads what is typed. */
export function isOpen(n: u32): bool {
  return n < MAX_VMS && (all.open & bit(n)) != 0;
}

/** Whether there is such a port, and it has been open at least once. */
export function exists(n: u32): bool {
  return n < MAX_VMS && at(n).ring != 0;
}

/** The first open port behind `n`, round the end; NONE if there is none. */
export function nextOpen(n: u32): u32 {
  const behind = n >= MAX_VMS - 1 ? 0 : all.open & ~(bit(n + 1) - 1);
  const found = behind != 0 ? behind : all.open;
  return found == 0 ? NONE : (ctz<u64>(found) as u32);
}

/** The last open port before `n`, round the start; NONE if there is none. */
export function previousOpen(n: u32): u32 {
  const before = n >= MAX_VMS ? all.open : all.open & (bit(n) - 1);
  const found = before != 0 ? before : all.open;
  return found == 0 ? NONE : 63 - (clz<u64>(found) as u32);
}

/** Memory for a port that is opened for the first time. */
export function prepare(n: u32): void {
  if (at(n).ring == 0) at(n).ring = arena.take(RING + QUEUE, 8);
}

// --- output

/** Everything printed so far may be sent. */
export function makeDue(n: u32): void {
  const port = at(n);
  port.due = port.printed;
  if (port.sent != port.due) all.pending |= bit(n);
}

/** A byte that the VM has printed; the oldest one is lost when there is no room. */
export function append(n: u32, byte: u32): void {
  const port = at(n);
  store<u8>(port.ring + (port.printed & (RING - 1)), byte);
  port.printed++;
  if (port.printed - port.sent > RING) {
    if (port.due == port.sent) port.due++;
    port.sent++;
    port.lost = 1;
  }
  if (byte == LF) port.lineStart = port.printed;
  if (all.byLine == 0 || byte == LF || port.printed - port.due > LINE_MAX) makeDue(n);
}

/** Ends the unfinished line of a VM, in its output. */
export function endLine(n: u32): void {
  if (at(n).lineStart == at(n).printed) return;
  append(n, CR);
  append(n, LF);
}

/** The next byte that is due; `advance` takes it. */
export function peek(port: Port): u32 {
  return load<u8>(port.ring + (port.sent & (RING - 1)));
}
export function advance(n: u32): void {
  const port = at(n);
  port.sent++;
  if (port.sent == port.due) all.pending &= ~bit(n);
}

/** Has the last `bytes` at most of an unfinished line sent again, or what of them was not sent yet. */
export function resendLine(n: u32, bytes: u32): void {
  const port = at(n);
  const length = port.printed - port.lineStart;
  if (length > bytes || length <= port.printed - port.sent) return;
  port.sent = port.lineStart;
  makeDue(n);
}

/** How much the VM may still print without that something is lost. */
export function room(n: u32): u32 {
  return RING - (at(n).printed - at(n).sent);
}

/** What the guest of port `n` sees of its transmitter: bits of UARTFR. Needs no lock. */
export function transmitterFlags(n: u32): u32 {
  return FR_TXFE ^ atomic.load32(flags + (n << 2));
}

/** Has the guest wait if there is little room: its output must not be lost. */
export function limit(n: u32): void {
  if (room(n) >= RESERVE) return;
  all.full |= bit(n);
  atomic.store32(flags + (n << 2), FR_TXFE | FR_TXFF | FR_BUSY);
}

/** Tells guests that there is room again: those in `which`, and all others that have enough of it. */
export function unlimit(which: u64): void {
  for (let left = all.full; left != 0; left &= left - 1) {
    const n = ctz<u64>(left) as u32;
    if ((which & bit(n)) == 0 && room(n) < RING >> 1) continue;
    all.full &= ~bit(n);
    all.drained |= bit(n);
    atomic.store32(flags + (n << 2), 0);
  }
}

// --- input

/** A byte is typed for a VM; it is lost if the VM has not read QUEUE bytes before it. */
export function type(n: u32, byte: u32): void {
  const port = at(n);
  if (port.typed == QUEUE) return;
  store<u8>(port.ring + RING + ((port.typedAt + port.typed) & (QUEUE - 1)), byte);
  port.typed++;
  all.typed |= bit(n);
}

export function hasInput(n: u32): bool {
  return (all.typed & bit(n)) != 0;
}

/** Takes the oldest byte that was typed; there must be one. */
export function takeInput(n: u32): u32 {
  const port = at(n);
  const byte = load<u8>(port.ring + RING + (port.typedAt & (QUEUE - 1))) as u32;
  port.typedAt++;
  port.typed--;
  if (port.typed == 0) all.typed &= ~bit(n);
  return byte;
}

/** Forgets what was typed. */
export function dropInput(n: u32): void {
  at(n).typed = 0;
  all.typed &= ~bit(n);
}
