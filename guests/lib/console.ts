// What a guest prints: through its UART, a PL011 (Arm DDI 0183). In a text, %d is a decimal and %x a hexadecimal number.

import { UART_BASE } from "../../build/gen/guest";
import { CR_RXE, CR_TXE, CR_UARTEN, FR_TXFF, LCR_FEN, UART_CR, UART_DR, UART_FR, UART_LCR_H } from "../../build/gen/pl011";
import * as access from "./hal/access";

/** The label at the start of a line takes so many columns. */
const LABEL: i32 = 10;
/** UARTLCR_H.WLEN: eight bits. */
const LCR_EIGHT_BITS: u32 = 0x60;

/** Switches the UART on. */
export function init(): void {
  access.write32(UART_BASE + UART_LCR_H, LCR_FEN | LCR_EIGHT_BITS);
  access.write32(UART_BASE + UART_CR, CR_UARTEN | CR_TXE | CR_RXE);
}

export function put(byte: u32): void {
  while ((access.read32(UART_BASE + UART_FR) & FR_TXFF) != 0) {}
  access.write32(UART_BASE + UART_DR, byte);
}

export function text(s: string): void {
  for (let i = 0; i < s.length; i++) put(s.charCodeAt(i));
}

export function decimal(value: u64): void {
  let divisor: u64 = 1;
  while (value / divisor >= 10) divisor *= 10;
  for (; divisor != 0; divisor /= 10) put(0x30 + (((value / divisor) % 10) as u32));
}

export function hexadecimal(value: u64): void {
  let shift: u32 = 60;
  while (shift > 0 && value >> shift == 0) shift -= 4;
  for (;;) {
    const digit = ((value >> shift) & 15) as u32;
    put(digit < 10 ? 0x30 + digit : 0x57 + digit);
    if (shift == 0) return;
    shift -= 4;
  }
}

export function newLine(): void {
  put(0x0d);
  put(0x0a);
}

/** `label`, then `s` with up to three numbers. */
export function line(label: string, s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  text(label);
  for (let column = label.length; column < LABEL; column++) put(0x20);
  for (let i = 0; i < s.length; i++) {
    const char = s.charCodeAt(i) as u32;
    if (char != 0x25 || i + 1 == s.length) {
      put(char);
      continue;
    }
    i++;
    if (s.charCodeAt(i) == 0x64) decimal(a);
    else hexadecimal(a);
    a = b;
    b = c;
  }
  newLine();
}
