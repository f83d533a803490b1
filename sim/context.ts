// What moves between a vCPU's record and the CPU (src/hal/context.ts): its EL1 registers and its vector registers. While the CPU holds them, those in
// the record are lost: they are made something that is noticed when it is loaded without having been saved.

import { offsets, records } from "../abi/records.ts";
import { el1Context } from "../abi/sysregs.ts";
import { Violation } from "./faults.ts";
import type { Order } from "./order.ts";
import type { SystemRegisters } from "./sysregs.ts";
import { hex } from "./words.ts";

const frame = offsets(records.VcpuFrame ?? { doc: "", fields: [] }).fields;
const CONTEXT = frame.spEl0 ?? 0;
const VECTORS = frame.v ?? 0;
/** V0 to V31, two words each, FPCR and FPSR. */
export const VECTOR_WORDS = 66;
const LOST = 0x1057_1057_dead_beefn;
/** Registers that EL2 writes on its own: to inject an exception, to stop the timer. */
const OF_EL2 = new Set(["ESR_EL1", "FAR_EL1", "ELR_EL1", "SPSR_EL1", "CNTV_CTL_EL0"]);

/** The registers of one kind, and the record that they are of. */
class Bank {
  /** The record whose registers the CPU holds; 0: nobody's. */
  #owner = 0;
  /** The record has been loaded or saved since the owner last ran. */
  #isSaved = false;
  readonly #what: string;
  readonly #offset: number;
  readonly #words: number;
  readonly #memory: () => DataView;

  constructor(what: string, offset: number, words: number, memory: () => DataView) {
    this.#what = what;
    this.#offset = offset;
    this.#words = words;
    this.#memory = memory;
  }

  load(record: number): bigint[] {
    const words = this.#read(record);
    if (words.includes(LOST))
      throw new Violation(`the ${this.#what} of the vCPU at ${hex(record)} were not saved when it left its CPU`);
    this.#owner = record;
    this.#isSaved = true;
    return words;
  }

  save(record: number, words: readonly bigint[]): void {
    if (this.#owner !== record) throw new Violation(`the ${this.#what} of another vCPU are saved as those of ${hex(record)}`);
    for (const [n, word] of words.entries()) this.#memory().setBigUint64(record + this.#offset + 8 * n, word, true);
    this.#isSaved = true;
  }

  /** The vCPU runs; `isSame`: whether the CPU holds word `n` of its record. */
  enter(record: number, isSame: (n: number, word: bigint) => boolean): void {
    if (this.#owner !== record)
      throw new Violation(`the vCPU at ${hex(record)} is entered with the ${this.#what} of another one`);
    const isChanged = this.#isSaved
      ? this.#read(record).some((word, n) => !isSame(n, word))
      : this.#memory().getBigUint64(record + this.#offset, true) !== LOST;
    if (isChanged) throw new Violation(`the ${this.#what} in the record at ${hex(record)} were changed, but not loaded`);
    if (!this.#isSaved) return;
    for (let n = 0; n < this.#words; n++) this.#memory().setBigUint64(record + this.#offset + 8 * n, LOST, true);
    this.#isSaved = false;
  }

  #read(record: number): bigint[] {
    const view = this.#memory();
    return Array.from({ length: this.#words }, (_, n) => view.getBigUint64(record + this.#offset + 8 * n, true));
  }
}

export class Context {
  readonly #order: Order;
  readonly #registers: SystemRegisters;
  readonly #vectors: bigint[];
  readonly #el1: Bank;
  readonly #fp: Bank;

  constructor(registers: SystemRegisters, vectors: bigint[], memory: () => DataView, order: Order) {
    this.#order = order;
    this.#registers = registers;
    this.#vectors = vectors;
    this.#el1 = new Bank("EL1 registers", CONTEXT, el1Context.length, memory);
    this.#fp = new Bank("vector registers", VECTORS, VECTOR_WORDS, memory);
  }

  loadEl1(record: number): void {
    const words = this.#el1.load(record);
    for (const [n, name] of el1Context.entries()) this.#registers.write(name, words[n] ?? 0n);
    this.#order.loadTimer();
  }
  saveEl1(record: number): void {
    this.#el1.save(
      record,
      el1Context.map((name) => this.#registers.read(name)),
    );
  }
  loadFp(record: number): void {
    for (const [n, word] of this.#fp.load(record).entries()) this.#vectors[n] = word;
  }
  saveFp(record: number): void {
    this.#fp.save(record, this.#vectors);
  }

  /** A vCPU is entered; `fpIsOpen`: it can use the vector registers as they are in the CPU. */
  enter(record: number, fpIsOpen: boolean): void {
    this.#el1.enter(record, (n, word) => {
      const name = el1Context[n] ?? "";
      return OF_EL2.has(name) || this.#registers.read(name) === word;
    });
    if (fpIsOpen) this.#fp.enter(record, (n, word) => this.#vectors[n] === word);
  }
}
