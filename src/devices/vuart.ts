// The virtual UART: a PL011 (Arm DDI 0183). What the guest sends goes to its port of the console at once. Input waits there until the guest reads: until
// its receive interrupt is unmasked, or it polls the flag register and does nothing else. Linux empties the FIFO when it opens the port, and a byte
// that had been shown before would be lost. The caller holds
// the VM's lock, but where it says otherwise.

import { VM_PAUSED, VM_RUNNING } from "../../build/gen/calls";
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
  FR_TXFF,
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
import * as atomic from "../hal/atomic";
import * as console from "../log/console";
import { Uart, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as guard from "./guard";
import * as vgic from "./vgic";
import * as virtioConsole from "./virtio/console";

const INTID: u32 = 32 + UART_SPI;
const DEPTH: u32 = 32;
/** So many reads of FR or RIS with nothing between them are a guest that waits for input. */
const POLLING: u32 = 4;
/** In what `flags` returns, beside the register's own bits. */
export const COUNTS: u32 = 0x80000000;

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

/** What `flags` shows follows from what has changed. */
function updateFlags(uart: Uart): void {
  const received: u32 = uart.count == 0 ? FR_RXFE : uart.count >= depth(uart) ? FR_RXFF : 0;
  const counts: u32 = uart.polls == POLLING ? 0 : COUNTS;
  atomic.store32(changetype<usize>(uart) + offsetof<Uart>("flags"), FR_CTS | FR_DSR | FR_DCD | received | counts);
}

function updateLine(vm: Vm, uart: Uart): void {
  updateFlags(uart);
  vgic.setSharedLine(vm, INTID, (raw(uart) & uart.mask) != 0);
}

/** Whether the guest can lose no byte that it is shown now. */
function reads(uart: Uart): bool {
  const on = (uart.control & (CR_UARTEN | CR_RXE)) == (CR_UARTEN | CR_RXE);
  return on && ((uart.mask & (INT_RX | INT_RT)) != 0 || uart.polls >= POLLING);
}

/** Takes what was typed for the VM, as far as there is room and the guest reads; the console tells of more while there is. */
function pull(vm: Vm): void {
  // What comes while the VM is taken down and filled is for its next life.
  if (vm.state != VM_RUNNING && vm.state != VM_PAUSED) return;
  const uart = vm.uart;
  const room = depth(uart);
  const open = reads(uart);
  let wants: bool;
  do {
    while (open && uart.count < room) {
      const byte = console.receive(vm.id, false);
      if (byte == console.NOTHING) break;
      store<u8>(changetype<usize>(uart) + ((uart.head + uart.count) & (DEPTH - 1)), byte, offsetof<Uart>("fifo0"));
      uart.count++;
    }
    wants = open && uart.count < room;
  } while (console.listen(vm.id, wants, false));
  // A driver that has something left to send has the transmit interrupt unmasked.
  if (wants && (uart.mask & INT_TX) == 0) console.showLine(vm.id);
  updateLine(vm, uart);
}

/** The board's UART interrupts: what it brings goes to the VMs that it is for. The caller holds no VM's lock. */
export function boardInterrupt(): void {
  const all = console.service();
  virtioConsole.wake(all);
  for (let concerned = all; concerned != 0; concerned &= concerned - 1) {
    const vm = table.vm(ctz<u64>(concerned) as u32);
    guard.enter(vm);
    if (console.takeResumed(vm.id)) vm.uart.raw |= INT_TX;
    pull(vm);
    guard.leave(vm);
  }
}

/** Input of these VMs, one bit each, is for their UARTs again: it may wait already. The caller holds no VM's lock. */
export function look(vms: u64): void {
  for (let left = vms; left != 0; left &= left - 1) {
    const vm = table.vm(ctz<u64>(left) as u32);
    guard.enter(vm);
    pull(vm);
    guard.leave(vm);
  }
}

function readData(vm: Vm, uart: Uart): u32 {
  if (uart.count == 0) return 0;
  const byte = load<u8>(changetype<usize>(uart) + uart.head, offsetof<Uart>("fifo0")) as u32;
  uart.head = (uart.head + 1) & (DEPTH - 1);
  uart.count--;
  pull(vm);
  return byte;
}

/** A look at the flags or the raw interrupts, by which a guest may wait for input. */
function polled(vm: Vm, uart: Uart): void {
  if (uart.polls == POLLING) return;
  uart.polls++;
  if (uart.polls == POLLING) pull(vm);
}

/** UARTFR as it is at the moment; COUNTS: this is a look by which a guest may wait for input, `read` sees to it. Takes no lock. */
export function flags(vm: Vm): u32 {
  return console.transmitterFlags(vm.id) ^ atomic.load32(changetype<usize>(vm.uart) + offsetof<Uart>("flags"));
}

/** The FIFO is as deep as the console has room: its transmit interrupt comes at once, or when there is room again. */
function writeData(vm: Vm, uart: Uart, byte: u32): void {
  console.write(vm.id, byte);
  if ((console.transmitterFlags(vm.id) & FR_TXFF) == 0) uart.raw |= INT_TX;
  else uart.raw &= ~INT_TX;
  updateLine(vm, uart);
}

/** Reads the register at `offset`, a multiple of 4. */
export function read(vm: Vm, offset: u32): u32 {
  const uart = vm.uart;
  switch (offset) {
    case UART_FR:
      polled(vm, uart);
      return flags(vm) & ~COUNTS;
    case UART_DR:
      return readData(vm, uart);
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
      polled(vm, uart);
      return raw(uart);
    case UART_MIS:
      return raw(uart) & uart.mask;
    default:
      break;
  }
  return offset < UART_PERIPH_ID ? 0 : (((PL011_ID >> (((offset - UART_PERIPH_ID) as u64) << 1)) & 0xff) as u32);
}

/** Writes the register at `offset`, a multiple of 4. */
export function write(vm: Vm, offset: u32, value: u32): void {
  const uart = vm.uart;
  uart.polls = 0;
  updateFlags(uart);
  switch (offset) {
    case UART_DR:
      writeData(vm, uart, value & 0xff);
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
  pull(vm);
}

/** As at power-on (DDI 0183, 3.2). */
export function reset(uart: Uart): void {
  memory.fill(changetype<usize>(uart), 0, offsetof<Uart>());
  uart.control = CR_TXE | CR_RXE;
  uart.fifoLevels = 0x12;
  updateFlags(uart);
}
