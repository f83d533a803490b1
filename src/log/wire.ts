// What goes over the serial line, as abi/console.ts lays it out: output of VMs, lines of the log and notes of the console, and how they are told
// apart. The caller holds the console's lock.

import { MARK } from "../../build/gen/console";
import * as uart from "./uart";

const CR: u32 = 0x0d;
const LF: u32 = 0x0a;

/** A VM's line is unfinished. */
const midLine: usize = memory.data(4, 4);

/** Sends a byte of a VM's output; false if there is no room for it now. */
export function vmByte(byte: u32): bool {
  if (!uart.trySend(byte)) return false;
  // The second of the pair may wait a moment: nothing comes between the two.
  if (byte == MARK) uart.send(MARK);
  store<u32>(midLine, u32(byte != LF));
  return true;
}

/** Ends the unfinished line of a VM, in its own output. */
export function endVmLine(): void {
  uart.send(CR);
  uart.send(LF);
  store<u32>(midLine, 0);
}

/** Before a line that no VM has written. `kind`: NOTE or SWITCH; 0: a line of the log. */
export function startLine(kind: u32): void {
  uart.send(MARK);
  if (kind != 0) uart.send(kind);
  if (load<u32>(midLine) != 0) endVmLine();
}

/** A byte of such a line, its end included. */
export function lineByte(byte: u32): void {
  if (byte == LF) uart.send(CR);
  uart.send(byte);
}
