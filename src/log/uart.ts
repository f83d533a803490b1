// The board's UART: a PL011 (Arm DDI 0183). It is the console's own device, there before any driver: until the board's device tree has named one it
// is the fallback console. All of it is guarded by the console's lock (src/log/guard.ts).

import {
  CR_RXE,
  CR_TXE,
  CR_UARTEN,
  FR_BUSY,
  FR_RXFE,
  FR_TXFF,
  INT_RT,
  INT_RX,
  INT_TX,
  UART_CR,
  UART_DR,
  UART_FR,
  UART_ICR,
  UART_IMSC,
} from "../../build/gen/pl011";
import { Pa } from "../hal/addr";
import * as cpu from "../hal/cpu";
import * as mmio from "../hal/mmio";

/** Nothing has been received. */
export const NOTHING: u32 = 0xffffffff;
/** So often the FIFO is looked at for room before it is taken to be stuck: longer than a byte takes at 9,600 baud. */
const PATIENCE: u32 = 1 << 15;

@unmanaged
class Uart {
  /** Physical address; 0: there is none, output is dropped. */
  pa: u64;
  /** UARTIMSC, as it was written. */
  mask: u32;
  /** Its interrupt reaches us: what the FIFO has no room for can wait for it. */
  interrupts: u32;
  /** The FIFO had no room for too long: nobody waits for it until it has. */
  stuck: u32;
}
const uart = changetype<Uart>(memory.data(24, 8));

function register(offset: u32): Pa {
  return (uart.pa + offset) as Pa;
}

function flags(): u32 {
  return mmio.read32(register(UART_FR));
}

/** Names a UART that output goes to, which stage 1 maps; 0: none. */
export function use(pa: Pa): void {
  uart.pa = pa as u64;
  uart.interrupts = 0;
}

/**
 * Takes the board's UART over as the firmware set it up: baud rate and FIFOs untouched, for a change of LCR_H empties the FIFO, and raw interrupts
 * uncleared, for one may stand for a byte that has come already. `interrupts`: whether it has an interrupt that console.service() answers.
 */
export function takeOver(pa: Pa, interrupts: bool): void {
  use(pa);
  uart.interrupts = u32(interrupts);
  uart.mask = 0;
  mmio.write32(register(UART_IMSC), 0);
  mmio.write32(register(UART_CR), CR_UARTEN | CR_TXE | CR_RXE);
}

/** From now on whoever sends waits for room. */
export function stopInterrupts(): void {
  setMask(0);
  uart.interrupts = 0;
}

/** Sends a byte, as soon as the FIFO has room; it is dropped if that takes too long. */
export function send(byte: u32): void {
  if (uart.pa == 0) return;
  let patience: u32 = uart.stuck != 0 ? 0 : PATIENCE;
  while ((flags() & FR_TXFF) != 0) {
    if (patience == 0) {
      uart.stuck = 1;
      return;
    }
    patience--;
    cpu.relax();
  }
  uart.stuck = 0;
  mmio.write32(register(UART_DR), byte);
}

/** Sends a byte unless that would have to wait, and an interrupt can tell when it need not any more (`tellRoom`). */
export function trySend(byte: u32): bool {
  if (uart.interrupts == 0) send(byte);
  else if ((flags() & FR_TXFF) != 0) return false;
  else mmio.write32(register(UART_DR), byte);
  return true;
}

/** Waits until the last byte is on the line. */
export function finish(): void {
  if (uart.pa == 0) return;
  for (let patience = PATIENCE; patience != 0 && (flags() & FR_BUSY) != 0; patience--) cpu.relax();
}

/** A byte of input, or NOTHING: always that on a board without a UART. */
export function receive(): u32 {
  if (uart.pa == 0) return NOTHING;
  if ((flags() & FR_RXFE) != 0) {
    // No byte is left that could be read to take back an interrupt that stands. One may have come just before this clears its interrupt as well.
    mmio.write32(register(UART_ICR), INT_RX | INT_RT);
    if ((flags() & FR_RXFE) != 0) return NOTHING;
  }
  return mmio.read32(register(UART_DR)) & 0xff;
}

function setMask(mask: u32): void {
  if (uart.pa == 0 || uart.mask == mask) return;
  uart.mask = mask;
  mmio.write32(register(UART_IMSC), mask);
}

/** Whether input interrupts. */
export function listen(on: bool): void {
  setMask(on ? uart.mask | (INT_RX | INT_RT) : uart.mask & ~(INT_RX | INT_RT));
}

/** Whether it interrupts when the FIFO has room again. */
export function tellRoom(on: bool): void {
  setMask(on ? uart.mask | INT_TX : uart.mask & ~INT_TX);
}
