// What the console itself says to whoever sits at it: notes of a line each, which wait in a ring until the board's UART has room, and the kept log,
// line by line, when it is asked for. The caller holds the console's lock.

import { NOTE } from "../../build/gen/console";
import * as kept from "./kept";
import * as uart from "./uart";
import * as wire from "./wire";

const RING: u32 = 0x2000;
/** The longest line: one is not begun without room for it. */
const LINE: u32 = 256;
const CR: u32 = 0x0d;
const LF: u32 = 0x0a;

/** Each line in it begins with its kind, and ends with LF. */
const ring: usize = memory.data(8192, 8);

@unmanaged
class Notes {
  /** Bytes ever put into the ring, and sent from it. */
  written: u32;
  sent: u32;
  /** How long the line is that is being written; 0: it is not, for want of room. */
  length: u32;
  /** A line is on its way: part of it is sent. */
  inLine: u32;
  /** The part of the log that is still to be shown. */
  logAt: u32;
  logEnd: u32;
}
const notes = changetype<Notes>(memory.data(24, 4));

function put(byte: u32): void {
  store<u8>(ring + (notes.written & (RING - 1)), byte);
  notes.written++;
}

/** Begins a line. `kind`: NOTE or SWITCH. */
export function begin(kind: u32): void {
  notes.length = 0;
  if (RING - (notes.written - notes.sent) < LINE) return;
  notes.length = 1;
  put(kind);
}

/** A byte of the line; what is too long is cut off. */
export function add(byte: u32): void {
  if (notes.length == 0 || notes.length >= LINE - 1) return;
  notes.length++;
  put(byte);
}

export function end(): void {
  if (notes.length != 0) put(LF);
}

/** Shows the log as it is kept now. */
export function showLog(): void {
  notes.logAt = kept.start();
  notes.logEnd = kept.end();
}

/** Puts the next line of the log into the ring; false if there is none. */
function takeLogLine(): bool {
  // New lines may have overwritten what was still to be shown.
  if (!kept.has(notes.logAt)) notes.logAt = kept.start();
  if (((notes.logEnd - notes.logAt) as i32) <= 0) return false;
  begin(NOTE);
  let byte: u32 = 0;
  while (notes.logAt != notes.logEnd && byte != LF) {
    byte = kept.byteAt(notes.logAt);
    if (byte != LF) add(byte);
    notes.logAt++;
  }
  end();
  return true;
}

/** Sends the next byte; false if there is no room for it. */
function sendByte(byte: u32): bool {
  if (notes.inLine == 0) {
    wire.startLine(byte);
    notes.inLine = 1;
  } else if (byte == LF) {
    if (!uart.trySend(CR)) return false;
    uart.send(LF);
    notes.inLine = 0;
  } else if (!uart.trySend(byte)) return false;
  notes.sent++;
  return true;
}

/** Sends what there is room for; false if something is left. */
export function drain(): bool {
  do {
    while (notes.sent != notes.written) {
      if (!sendByte(load<u8>(ring + (notes.sent & (RING - 1))) as u32)) return false;
    }
  } while (takeLogLine());
  return true;
}

/** Ends the line that is on its way, however long that takes, so that another may follow. */
export function finishLine(): void {
  while (notes.inLine != 0 && notes.sent != notes.written) {
    const byte = load<u8>(ring + (notes.sent & (RING - 1))) as u32;
    wire.lineByte(byte);
    if (byte == LF) notes.inLine = 0;
    notes.sent++;
  }
}
