// The board's UART: PL011 (Arm DDI 0183). Writing is the console's (src/log/console.ts); here is what comes in. Its receive interrupt stays off
// while nobody takes input, so that it waits in the FIFO, and behind that in whoever sends.

import {
  CR_RXE,
  CR_TXE,
  CR_UARTEN,
  FR_RXFE,
  INT_RT,
  INT_RX,
  UART_CR,
  UART_DR,
  UART_FR,
  UART_ICR,
  UART_IMSC,
} from "../../build/gen/pl011";
import { Pa } from "../hal/addr";
import * as mmio from "../hal/mmio";

/** Nothing has been received. */
export const NOTHING: u32 = 0xffffffff;

const base: usize = memory.data(8, 8);

function register(offset: u32): Pa {
  return (load<u64>(base) + offset) as Pa;
}

/**
 * Takes the UART over as the firmware set it up: baud rate and FIFOs untouched, for a change of LCR_H empties the FIFO, and raw interrupts
 * uncleared, for one may stand for a byte that has come already.
 */
export function init(pa: Pa): void {
  store<u64>(base, pa as u64);
  mmio.write32(register(UART_IMSC), 0);
  mmio.write32(register(UART_CR), CR_UARTEN | CR_TXE | CR_RXE);
}

function isEmpty(): bool {
  return (mmio.read32(register(UART_FR)) & FR_RXFE) != 0;
}

/** A byte of input, or NOTHING: always that on a board without a UART. */
export function receive(): u32 {
  if (load<u64>(base) == 0) return NOTHING;
  if (isEmpty()) {
    // No byte is left that could be read to take back an interrupt that stands. One may have come just before this clears its interrupt as well.
    mmio.write32(register(UART_ICR), INT_RX | INT_RT);
    if (isEmpty()) return NOTHING;
  }
  return mmio.read32(register(UART_DR)) & 0xff;
}

/** Whether input interrupts. */
export function listen(on: bool): void {
  if (load<u64>(base) == 0) return;
  mmio.write32(register(UART_IMSC), on ? INT_RX | INT_RT : 0);
}
