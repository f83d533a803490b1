// The serial line of the board, for writing: log lines of the hypervisor and output of VMs share it (abi/console.ts says how they are told
// apart). Until the board's device tree has named a UART it is the fallback console. PL011 (DDI 0183): DR at 0, FR at 0x18.

import { MARK } from "../../build/gen/console";
import { FR_TXFF, UART_DR, UART_FR } from "../../build/gen/pl011";
import { Pa } from "../hal/addr";
import * as cpu from "../hal/cpu";
import * as mmio from "../hal/mmio";

@unmanaged
class Console {
  /** Physical address of the UART; 0: there is none, output is dropped. */
  uart: u64;
  /** A VM has written a part of a line. */
  midLine: u32;
}
const console = changetype<Console>(memory.data(16, 8));

/** Names the UART, which stage 1 maps. */
export function use(uart: Pa): void {
  console.uart = uart as u64;
}

function put(byte: u32): void {
  const uart = console.uart;
  if (uart == 0) return;
  while ((mmio.read32((uart + UART_FR) as Pa) & FR_TXFF) != 0) cpu.relax();
  mmio.write32((uart + UART_DR) as Pa, byte);
}

/** A byte of a VM's output. */
export function vmByte(byte: u32): void {
  if (byte == MARK) put(MARK);
  put(byte);
  console.midLine = u32(byte != 0x0a);
}

/** Before a log line: says so, and ends the unfinished line of a VM. */
export function startLine(): void {
  put(MARK);
  if (console.midLine == 0) return;
  put(0x0d);
  put(0x0a);
  console.midLine = 0;
}

/** A byte of a log line. */
export function logByte(byte: u32): void {
  if (byte == 0x0a) put(0x0d);
  put(byte);
}
