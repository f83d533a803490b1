// The records of a ring (abi/record.ts) as one row, read in the order in which they were written.

import { record } from "../../abi/record.ts";

const WORDS_MASK = 0xfff;
const CPU_MASK = 0xf;

export class Records {
  readonly #words: BigUint64Array;
  /** Two a word: headers are read without a bigint. */
  readonly #halves: Uint32Array;
  #at = 0;

  constructor(words: BigUint64Array) {
    this.#words = words;
    this.#halves = new Uint32Array(words.buffer, words.byteOffset, 2 * words.length);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#words.length;
  }

  /** Place of the record, in words from the start. */
  get place(): number {
    return this.#at;
  }

  get sequence(): number {
    return this.#halves[2 * this.#at]!;
  }
  get #high(): number {
    return this.#halves[2 * this.#at + 1]!;
  }
  get cpu(): number {
    return this.#high & CPU_MASK;
  }
  /** How many words it has behind its header. */
  get length(): number {
    return (this.#high >>> 4) & WORDS_MASK;
  }
  get id(): number {
    return (this.#high >>> 16) & ~record.RECORD_OPEN;
  }
  /** The call had not returned when the run ended. */
  get isOpen(): boolean {
    return ((this.#high >>> 16) & record.RECORD_OPEN) !== 0;
  }
  get isEntry(): boolean {
    return this.id >= record.RECORD_ENTRY && this.id < record.RECORD_LEAVE;
  }

  word(n: number): bigint {
    return this.#words[this.#at + 1 + n]!;
  }
  /** Words from the `from`th on; a view, not a copy. */
  rest(from: number): BigUint64Array {
    return this.#words.subarray(this.#at + 1 + from, this.#at + 1 + this.length);
  }

  advance(): void {
    this.#at += 1 + this.length;
  }

  /** The first record again. */
  rewind(): void {
    this.#at = 0;
  }

  /** Looks at the row as a whole, and leaves it at its first record: how many CPUs it is of, or what is wrong with it. */
  survey(): { readonly cpus: number } | { readonly fault: string } {
    this.rewind();
    if (this.isAtEnd) return { fault: "it holds no record" };
    let cpus = 0;
    for (let expected = this.sequence; !this.isAtEnd; expected = (expected + 1) >>> 0) {
      if (this.sequence !== expected) return { fault: `record ${expected} is missing` };
      if (this.#at + this.length >= this.#words.length) return { fault: `record ${expected} is cut off` };
      cpus = Math.max(cpus, this.cpu + 1);
      this.advance();
    }
    this.rewind();
    return { cpus };
  }
}
