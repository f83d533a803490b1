// Text, piece by piece, into the log or into a note of the console. The caller holds the console's lock.

import * as kept from "./kept";
import * as notes from "./notes";
import * as wire from "./wire";

export const enum Into {
  /** A line of the log: it is kept, and goes over the line at once. */
  LOG = 0,
  NOTE = 1,
}

export function byte(into: Into, value: u32): void {
  if (into == Into.NOTE) {
    notes.add(value);
    return;
  }
  kept.put(value);
  wire.lineByte(value);
}

export function literal(into: Into, s: string): void {
  const length = s.length;
  for (let i = 0; i < length; i++) byte(into, s.charCodeAt(i));
}

/** A decimal number, padded on the left to `width` with `fill`. */
export function decimal(into: Into, value: u64, width: u32, fill: u32): void {
  let divisor: u64 = 1;
  let digits: u32 = 1;
  while (value / divisor >= 10) {
    divisor *= 10;
    digits++;
  }
  for (; digits < width; width--) byte(into, fill);
  for (; divisor != 0; divisor /= 10) byte(into, 0x30 + (((value / divisor) % 10) as u32));
}

function hexadecimal(into: Into, value: u64): void {
  let shift: u32 = 60;
  while (shift > 0 && value >> shift == 0) shift -= 4;
  for (;;) {
    const digit = ((value >> shift) & 15) as u32;
    byte(into, digit < 10 ? 0x30 + digit : 0x57 + digit);
    if (shift == 0) return;
    shift -= 4;
  }
}

/** Zero-terminated bytes; what cannot be printed is shown as `?`. */
export function bytes(into: Into, address: usize): void {
  for (let value = load<u8>(address) as u32; value != 0; value = load<u8>(address)) {
    byte(into, value >= 0x20 && value < 0x7f ? value : 0x3f);
    address++;
  }
}

/** A text in which %d is a decimal, %x a hexadecimal number, %s zero-terminated bytes at an address; three of them at most. */
export function format(into: Into, s: string, a: u64, b: u64, c: u64): void {
  const length = s.length;
  for (let i = 0; i < length; i++) {
    const char = s.charCodeAt(i) as u32;
    if (char != 0x25 || i + 1 == length) {
      byte(into, char);
      continue;
    }
    i++;
    const kind = s.charCodeAt(i) as u32;
    if (kind == 0x64) decimal(into, a, 1, 0x20);
    else if (kind == 0x78) hexadecimal(into, a);
    else bytes(into, a as usize);
    a = b;
    b = c;
  }
}
