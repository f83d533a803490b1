// The board's UART: a PL011 (Arm DDI 0183), as far as a hypervisor drives it: output is kept, and on a slow line waits in a FIFO; input waits in a FIFO
// of 32 bytes and behind it.

import { pl011 } from "../abi/pl011.ts";
import type { Device } from "./device.ts";
import { Absent, Violation } from "./faults.ts";
import { hex, lowHalf, wordOf } from "./words.ts";

const DEPTH = 32;

export class BoardUart implements Device {
  readonly base: number;
  readonly size = 0x1000;
  readonly #sent: number[] = [];
  /** What was sent to the board, the first DEPTH bytes of which are in the FIFO. */
  readonly #input: number[] = [];
  #mask = 0;
  /** Raw interrupts: set by what comes in and what goes out, taken back by reading the FIFO down, by filling it up, or by ICR. */
  #raw = 0;
  #control = pl011.CR_TXE | pl011.CR_RXE;
  /** How many bytes the FIFO for output holds on a slow line; a line that takes every byte at once needs none. */
  outputDepth = Number.POSITIVE_INFINITY;
  /** So many reads of the flags take as long as a byte on the line. */
  looksPerByte = 100;
  /** How many wait in it. */
  #queued = 0;
  /** How often the flags were read since something was sent. */
  #looks = 0;

  constructor(base = 0x0900_0000) {
    this.base = base;
  }

  /** All output so far. */
  get output(): string {
    return Buffer.from(this.#sent).toString("latin1");
  }
  /** Forgets the output so far and returns it. */
  take(): string {
    const { output } = this;
    this.#sent.length = 0;
    return output;
  }

  /** The line takes bytes out of the FIFO: at half of it comes the interrupt. */
  transmit(bytes: number): void {
    const before = this.#queued;
    this.#queued = Math.max(0, before - bytes);
    const half = this.outputDepth / 2;
    if (before > half && this.#queued <= half) this.#raw |= pl011.INT_TX;
  }

  #send(byte: number): void {
    this.#looks = 0;
    if (this.#queued >= this.outputDepth) throw new Violation("a byte is sent while the UART's FIFO is full");
    if ((this.#control & pl011.CR_TXE) !== 0) this.#sent.push(byte);
    if (this.outputDepth === Number.POSITIVE_INFINITY) this.#raw |= pl011.INT_TX;
    else if (++this.#queued > this.outputDepth / 2) this.#raw &= ~pl011.INT_TX;
  }

  /** Whoever looks again and again lets time pass. */
  #flags(): number {
    if (++this.#looks % this.looksPerByte === 0) this.transmit(1);
    const full = this.#queued >= this.outputDepth;
    const transmitter = (this.#queued === 0 ? pl011.FR_TXFE : pl011.FR_BUSY) | (full ? pl011.FR_TXFF : 0);
    return transmitter | (this.#input.length === 0 ? pl011.FR_RXFE : 0);
  }

  /** Types input. */
  type(text: string): void {
    this.#input.push(...Buffer.from(text, "latin1"));
    this.#raw |= this.#input.length >= DEPTH / 2 ? pl011.INT_RX | pl011.INT_RT : pl011.INT_RT;
  }
  /** Bytes of input that nobody has read yet. */
  get waiting(): number {
    return this.#input.length;
  }

  get line(): boolean {
    return (this.#raw & this.#mask) !== 0;
  }

  /** A receive interrupt stands though the FIFO is empty, as after firmware that has read it in its own way. */
  leaveInterrupt(): void {
    this.#raw |= pl011.INT_RT;
  }

  #receive(): number {
    const byte = this.#input.shift() ?? 0;
    if (this.#input.length < DEPTH / 2) this.#raw &= ~pl011.INT_RX;
    if (this.#input.length === 0) this.#raw &= ~pl011.INT_RT;
    return byte;
  }

  read(offset: number, bytes: number): bigint {
    if (bytes !== 4) throw new Violation(`a read of ${bytes} bytes from the board's UART`);
    if (offset === pl011.UART_FR) return wordOf(this.#flags());
    if (offset === pl011.UART_DR) return BigInt(this.#receive());
    throw new Absent(`the board's UART has no register to read at ${hex(offset)}`);
  }

  write(offset: number, bytes: number, value: bigint): void {
    if (bytes !== 4) throw new Violation(`a write of ${bytes} bytes to the board's UART`);
    if (offset === pl011.UART_DR) this.#send(lowHalf(value) & 0xff);
    else if (offset === pl011.UART_ICR) this.#raw &= ~lowHalf(value);
    else if (offset === pl011.UART_IMSC) this.#mask = lowHalf(value);
    else if (offset === pl011.UART_CR) this.#control = lowHalf(value);
    else throw new Absent(`the board's UART has no register to write at ${hex(offset)}`);
  }
}
