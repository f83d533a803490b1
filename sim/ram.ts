// The board's physical memory: pages that were never written are zero and take no place. Which lines hold data that the guest would not see with its
// caches off is kept as well: they are dirty from a write until they are cleaned.

import { Absent } from "./faults.ts";
import { hex, lowHalf, wordOf } from "./words.ts";

const PAGE = 4096;
/** What belongs to one owner (src/mmu/frames.ts), and is looked at as a whole. */
const BLOCK = 2 ** 21;
const LINE = 64;
const ALL_LINES = (1n << BigInt(PAGE / LINE)) - 1n;
const ZERO_PAGE = new DataView(new ArrayBuffer(PAGE));

const isAllZero = (bytes: Uint8Array): boolean => Buffer.compare(bytes, new Uint8Array(ZERO_PAGE.buffer, 0, bytes.length)) === 0;

const littleEndian = (bytes: Uint8Array): bigint => bytes.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);

export interface Bank {
  readonly base: number;
  readonly size: number;
}

export class Ram {
  readonly #pages = new Map<number, DataView>();
  /** One bit a line of each page that has dirty ones. */
  readonly #dirty = new Map<number, bigint>();
  readonly banks: readonly Bank[];
  /** The bank of the last access. */
  #found: Bank = { base: 0, size: 0 };
  /** How often EL2 has written. */
  soils = 0;
  /** Blocks that EL2 has written, and what instruction caches may hold of them was not invalidated since. */
  readonly #stale = new Set<number>();

  constructor(banks: readonly Bank[]) {
    this.banks = banks;
  }

  /** Throws unless the board has RAM at all of [address, address + bytes). */
  require(address: number, bytes: number): void {
    if (address >= this.#found.base && address + bytes <= this.#found.base + this.#found.size) return;
    for (const bank of this.banks) {
      if (address < bank.base || address + bytes > bank.base + bank.size) continue;
      this.#found = bank;
      return;
    }
    throw new Absent(`an access of ${bytes} bytes at ${hex(address)}, where there is no RAM`);
  }

  #page(address: number): DataView {
    return this.#pages.get(Math.floor(address / PAGE)) ?? ZERO_PAGE;
  }

  #pageToWrite(address: number): DataView {
    const number = Math.floor(address / PAGE);
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = new DataView(new ArrayBuffer(PAGE));
      this.#pages.set(number, page);
    }
    return page;
  }

  /** Reads 1, 2, 4 or 8 bytes. */
  read(address: number, bytes: number): bigint {
    this.require(address, bytes);
    const at = address % PAGE;
    if (at + bytes > PAGE) return littleEndian(this.readBytes(address, bytes));
    const page = this.#page(address);
    if (bytes === 8) return page.getBigUint64(at, true);
    return wordOf(bytes === 4 ? page.getUint32(at, true) : bytes === 2 ? page.getUint16(at, true) : page.getUint8(at));
  }

  /** The same of 8 bytes, for walkers. */
  readonly read64 = (address: number): bigint => this.read(address, 8);

  /** Reads 1, 2 or 4 bytes as a number. */
  readSmall(address: number, bytes: 1 | 2 | 4): number {
    const at = address % PAGE;
    if (at + bytes > PAGE) return Number(this.read(address, bytes));
    this.require(address, bytes);
    const page = this.#page(address);
    return bytes === 4 ? page.getUint32(at, true) : bytes === 2 ? page.getUint16(at, true) : page.getUint8(at);
  }

  /** Writes the low 1, 2, 4 or 8 bytes of a value. */
  write(address: number, bytes: number, value: bigint): void {
    this.require(address, bytes);
    const at = address % PAGE;
    if (at + bytes > PAGE) {
      const word = Buffer.alloc(8);
      word.writeBigUInt64LE(value);
      this.writeBytes(address, word.subarray(0, bytes));
      return;
    }
    const page = this.#pageToWrite(address);
    if (bytes === 8) page.setBigUint64(at, value, true);
    else if (bytes === 4) page.setUint32(at, lowHalf(value), true);
    else if (bytes === 2) page.setUint16(at, lowHalf(value), true);
    else page.setUint8(at, lowHalf(value));
  }

  /** Calls `piece` for each page's part of a range. */
  #pieces(address: number, bytes: number, piece: (at: number, length: number) => void): void {
    this.require(address, bytes);
    for (let at = address; at < address + bytes; ) {
      const length = Math.min(PAGE - (at % PAGE), address + bytes - at);
      piece(at, length);
      at += length;
    }
  }

  readBytes(address: number, bytes: number): Uint8Array {
    const result = new Uint8Array(bytes);
    this.#pieces(address, bytes, (at, length) => {
      result.set(new Uint8Array(this.#page(at).buffer, at % PAGE, length), at - address);
    });
    return result;
  }

  writeBytes(address: number, bytes: Uint8Array): void {
    this.#pieces(address, bytes.length, (at, length) => {
      const piece = bytes.subarray(at - address, at - address + length);
      if (length === PAGE && !this.#pages.has(at / PAGE) && isAllZero(piece)) return;
      new Uint8Array(this.#pageToWrite(at).buffer).set(piece, at % PAGE);
    });
  }

  zero(address: number, bytes: number): void {
    if (address % PAGE === 0 && bytes / PAGE > this.#pages.size) {
      this.require(address, bytes);
      for (const page of this.#pages.keys())
        if (page * PAGE >= address && (page + 1) * PAGE <= address + bytes) this.#pages.delete(page);
      if (bytes % PAGE === 0) return;
      address += bytes - (bytes % PAGE);
      bytes %= PAGE;
    }
    this.#pieces(address, bytes, (at, length) => {
      if (length === PAGE) this.#pages.delete(at / PAGE);
      else new Uint8Array(this.#pageToWrite(at).buffer).fill(0, at % PAGE, (at % PAGE) + length);
    });
  }

  /** Whether every byte of a range is zero. */
  isZero(address: number, bytes: number): boolean {
    let zero = true;
    this.#pieces(address, bytes, (at, length) => {
      if (this.#pages.has(Math.floor(at / PAGE))) zero &&= isAllZero(this.readBytes(at, length));
    });
    return zero;
  }

  /** The pages of a range of whole pages that were written, by their addresses. */
  writtenIn(address: number, bytes: number): number[] {
    const [first, end] = [address / PAGE, (address + bytes) / PAGE];
    if (end - first > this.#pages.size)
      return [...this.#pages.keys()].filter((page) => page >= first && page < end).map((page) => page * PAGE);
    const found: number[] = [];
    for (let page = first; page < end; page++) if (this.#pages.has(page)) found.push(page * PAGE);
    return found;
  }

  /** The lines of a page that a range of it touches. */
  #lines(at: number, length: number): bigint {
    const first = BigInt(Math.floor((at % PAGE) / LINE));
    const end = BigInt(Math.ceil(((at % PAGE) + length) / LINE));
    return ((1n << end) - 1n) & ~((1n << first) - 1n);
  }

  /** Notes that EL2 has written a range through its caches. */
  soil(address: number, bytes: number): void {
    this.soils++;
    for (let block = Math.floor(address / BLOCK); block * BLOCK < address + bytes; block++) this.#stale.add(block);
    this.#pieces(address, bytes, (at, length) => {
      const number = Math.floor(at / PAGE);
      this.#dirty.set(number, length === PAGE ? ALL_LINES : (this.#dirty.get(number) ?? 0n) | this.#lines(at, length));
    });
  }

  /** Notes that a range was cleaned to the point of coherency. */
  clean(address: number, bytes: number): void {
    this.#pieces(address, bytes, (at, length) => {
      const number = Math.floor(at / PAGE);
      const left = length === PAGE ? 0n : (this.#dirty.get(number) ?? 0n) & ~this.#lines(at, length);
      if (left === 0n) this.#dirty.delete(number);
      else this.#dirty.set(number, left);
    });
  }

  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }
  /** The address of a dirty line in a range, if there is one. */
  dirtyIn(address: number, bytes: number): number | undefined {
    for (const page of this.#dirty.keys()) {
      const at = page * PAGE;
      if (at + PAGE > address && at < address + bytes) return at;
    }
    return undefined;
  }
  /** Instruction caches hold nothing of before, but of what is not in memory yet. */
  invalidateInstructions(): void {
    for (const block of this.#stale) if (this.dirtyIn(block * BLOCK, BLOCK) === undefined) this.#stale.delete(block);
  }
  /** Whether instruction caches may hold something else than what is in a range. */
  isStale(address: number, bytes: number): boolean {
    for (const block of this.#stale) if (block * BLOCK < address + bytes && (block + 1) * BLOCK > address) return true;
    return false;
  }
}
