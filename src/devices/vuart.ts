// The virtual UART: a PL011 (Arm DDI 0183). What the guest sends goes to the console at once. Input stays with the board's UART until the guest
// reads: until its receive interrupt is unmasked, or it polls the flag register and does nothing else. Linux empties the FIFO when it opens the
// port, and a byte that had been shown before would be lost.

import { UART_SPI } from "../../build/gen/guest";
import {
  CR_RXE,
  CR_TXE,
  CR_UARTEN,
  FR_CTS,
  FR_DCD,
  FR_DSR,
  FR_RXFE,
  FR_RXFF,
  FR_TXFE,
  INT_ALL,
  INT_RT,
  INT_RX,
  INT_TX,
  LCR_FEN,
  PL011_ID,
  UART_CR,
  UART_DR,
  UART_FBRD,
  UART_FR,
  UART_IBRD,
  UART_ICR,
  UART_IFLS,
  UART_IMSC,
  UART_LCR_H,
  UART_MIS,
  UART_PERIPH_ID,
  UART_RIS,
} from "../../build/gen/pl011";
import * as pl011 from "../drivers/pl011";
import * as console from "../log/console";
import { Uart, Vcpu } from "../vm/records";
import * as vgic from "./vgic";

const INTID: u32 = 32 + UART_SPI;
const DEPTH: u32 = 32;
/** So many reads of FR or RIS with nothing between them are a guest that waits for input. */
const POLLING: u32 = 4;

/** How many bytes the receive FIFO holds: it is one register while FIFOs are off. */
function depth(uart: Uart): u32 {
  return (uart.lineControl & LCR_FEN) != 0 ? DEPTH : 1;
}

/** The trigger levels of UARTIFLS bits 5-3, of 32: 1/8, 1/4, 1/2, 3/4, 7/8. */
function trigger(uart: Uart): u32 {
  if ((uart.lineControl & LCR_FEN) == 0) return 1;
  switch ((uart.fifoLevels >> 3) & 7) {
    case 0:
      return 4;
    case 1:
      return 8;
    case 2:
      return 16;
    case 3:
      return 24;
    default:
      return 28;
  }
}

/** UARTRIS: the receive interrupts follow from the FIFO; the receive timeout passes at once. */
function raw(uart: Uart): u32 {
  const received: u32 = uart.count == 0 ? 0 : uart.count >= trigger(uart) ? INT_RX | INT_RT : INT_RT;
  return uart.raw | received;
}

function updateLine(vcpu: Vcpu, uart: Uart): void {
  vgic.setLine(vcpu, INTID, (raw(uart) & uart.mask) != 0);
}

/** Whether the guest can lose no byte that it is shown now. */
function reads(uart: Uart): bool {
  const on = (uart.control & (CR_UARTEN | CR_RXE)) == (CR_UARTEN | CR_RXE);
  return on && ((uart.mask & (INT_RX | INT_RT)) != 0 || uart.polls >= POLLING);
}

/** Takes what the board's UART has, as far as there is room and the guest reads; the board interrupts while there is. */
export function pull(vcpu: Vcpu): void {
  const uart = vcpu.vm.uart;
  const room = depth(uart);
  const open = reads(uart);
  while (open && uart.count < room) {
    const byte = pl011.receive();
    if (byte == pl011.NOTHING) break;
    store<u8>(changetype<usize>(uart) + ((uart.head + uart.count) & (DEPTH - 1)), byte, offsetof<Uart>("fifo0"));
    uart.count++;
  }
  pl011.listen(open && uart.count < room);
  updateLine(vcpu, uart);
}

function readData(vcpu: Vcpu, uart: Uart): u32 {
  if (uart.count == 0) return 0;
  const byte = load<u8>(changetype<usize>(uart) + uart.head, offsetof<Uart>("fifo0")) as u32;
  uart.head = (uart.head + 1) & (DEPTH - 1);
  uart.count--;
  pull(vcpu);
  return byte;
}

/** A look at the flags or the raw interrupts, by which a guest may wait for input. */
function polled(vcpu: Vcpu, uart: Uart): void {
  if (uart.polls == POLLING) return;
  uart.polls++;
  if (uart.polls == POLLING) pull(vcpu);
}

function readFlags(vcpu: Vcpu, uart: Uart): u32 {
  polled(vcpu, uart);
  const idle = FR_TXFE | FR_CTS | FR_DSR | FR_DCD;
  if (uart.count == 0) return idle | FR_RXFE;
  return uart.count >= depth(uart) ? idle | FR_RXFF : idle;
}

/** Reads the register at `offset`, a multiple of 4. */
export function read(vcpu: Vcpu, offset: u32): u32 {
  const uart = vcpu.vm.uart;
  if (offset == UART_FR) return readFlags(vcpu, uart);
  switch (offset) {
    case UART_DR:
      return readData(vcpu, uart);
    case UART_IBRD:
      return uart.integerBaud;
    case UART_FBRD:
      return uart.fractionalBaud;
    case UART_LCR_H:
      return uart.lineControl;
    case UART_CR:
      return uart.control;
    case UART_IFLS:
      return uart.fifoLevels;
    case UART_IMSC:
      return uart.mask;
    case UART_RIS:
      polled(vcpu, uart);
      return raw(uart);
    case UART_MIS:
      return raw(uart) & uart.mask;
    default:
      break;
  }
  return offset < UART_PERIPH_ID ? 0 : (((PL011_ID >> (((offset - UART_PERIPH_ID) as u64) << 1)) & 0xff) as u32);
}

export function write(vcpu: Vcpu, offset: u32, value: u32): void {
  const uart = vcpu.vm.uart;
  uart.polls = 0;
  switch (offset) {
    case UART_DR:
      console.vmByte(value & 0xff);
      uart.raw |= INT_TX;
      updateLine(vcpu, uart);
      return;
    case UART_IBRD:
      uart.integerBaud = value & 0xffff;
      return;
    case UART_FBRD:
      uart.fractionalBaud = value & 0x3f;
      return;
    case UART_LCR_H:
      uart.lineControl = value & 0xff;
      break;
    case UART_CR:
      uart.control = value & 0xff87;
      break;
    case UART_IFLS:
      uart.fifoLevels = value & 0x3f;
      break;
    case UART_IMSC:
      uart.mask = value & INT_ALL;
      break;
    case UART_ICR:
      uart.raw &= ~value;
      break;
    default:
      return;
  }
  pull(vcpu);
}

/** As at power-on (DDI 0183, 3.2). */
export function reset(uart: Uart): void {
  memory.fill(changetype<usize>(uart), 0, offsetof<Uart>());
  uart.control = CR_TXE | CR_RXE;
  uart.fifoLevels = 0x12;
}
