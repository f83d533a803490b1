// What moves between a vCPU's record and the CPU (src/hal/context.ts): its EL1 registers and its vector registers. While the CPU holds them, those in
// the record are lost: they are made something that is noticed when it is loaded without having been saved. What the CPU holds of a vCPU that was saved is
// nobody's any more, and made something that is noticed as well. A vCPU gets back what was saved, or what a start says.

import { offsets, records } from "../abi/records.ts";
import { el1Context, el2Controls } from "../abi/sysregs.ts";
import { Violation } from "./faults.ts";
import type { Order } from "./order.ts";
import type { Register, SystemRegisters } from "./sysregs.ts";
import { hex } from "./words.ts";

const frame = offsets(records.VcpuFrame ?? { doc: "", fields: [] }).fields;
/** Where they are in a record, and how many bytes. */
export const EL1_OFFSET = frame.spEl0 ?? 0;
export const EL1_BYTES = 8 * el1Context.length;
export const FP_OFFSET = frame.v ?? 0;
/** V0 to V31, two words each, FPCR and FPSR. */
export const VECTOR_WORDS = 66;
export const FP_BYTES = 8 * VECTOR_WORDS;
const LOST = 0x1057_1057_dead_beefn;
const [LOST_LOW, LOST_HIGH] = [Number(LOST & 0xffff_ffffn), Number(LOST >> 32n)];
/** What a CPU has in place of what was saved. */
const POISON = 0x9015_09ad_0bad_c0den;
/** The EL1 registers and the vector registers of a vCPU that starts. */
const STARTS = {
  el1: el1Context.map((name) => (name === "SCTLR_EL1" ? BigInt(el2Controls.SCTLR_EL1_RESET) : 0n)),
  fp: Array.from({ length: VECTOR_WORDS }, () => 0n),
};

/** What each vCPU had when its registers were saved, by its record: the same for all CPUs of a board. */
export interface Kept {
  readonly el1: Map<number, readonly bigint[]>;
  readonly fp: Map<number, readonly bigint[]>;
}

const firstOther = (words: readonly bigint[], others: readonly bigint[]): number =>
  words.findIndex((word, n) => word !== others[n]);

/** Registers that EL2 writes on its own: to inject an exception, to stop the timer. */
const OF_EL2 = new Set(["ESR_EL1", "FAR_EL1", "ELR_EL1", "SPSR_EL1", "CNTV_CTL_EL0"]);

/** The registers of one kind, and the record that they are of. */
class Bank {
  /** The record whose registers the CPU holds; 0: nobody's. */
  #owner = 0;
  /** The record has been loaded or saved since the owner last ran. */
  #isSaved = false;
  /** The CPU's own are nobody's: they have been saved. */
  isDead = false;
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
    this.isDead = false;
    return words;
  }

  save(record: number, words: readonly bigint[]): void {
    if (this.#owner !== record) throw new Violation(`the ${this.#what} of another vCPU are saved as those of ${hex(record)}`);
    for (const [n, word] of words.entries()) this.#memory().setBigUint64(record + this.#offset + 8 * n, word, true);
    this.#isSaved = true;
    this.isDead = true;
  }

  get owner(): number {
    return this.#owner;
  }

  /** The vCPU runs; `isSame`: whether the CPU holds word `n` of its record. */
  enter(record: number, isSame: (n: number, word: bigint) => boolean): void {
    if (this.#owner !== record)
      throw new Violation(`the vCPU at ${hex(record)} is entered with the ${this.#what} of another one`);
    if (!this.#isSaved && this.#isLost(record)) return;
    if (!this.#isSaved || this.#read(record).some((word, n) => !isSame(n, word)))
      throw new Violation(`the ${this.#what} in the record at ${hex(record)} were changed, but not loaded`);
    for (let n = 0; n < this.#words; n++) this.#memory().setBigUint64(record + this.#offset + 8 * n, LOST, true);
    this.#isSaved = false;
  }

  /** Whether the first word in the record is still as it was made when the vCPU ran. */
  #isLost(record: number): boolean {
    const view = this.#memory();
    const at = record + this.#offset;
    return view.getUint32(at, true) === LOST_LOW && view.getUint32(at + 4, true) === LOST_HIGH;
  }

  #read(record: number): bigint[] {
    const view = this.#memory();
    return Array.from({ length: this.#words }, (_, n) => view.getBigUint64(record + this.#offset + 8 * n, true));
  }
}

export class Context {
  readonly #order: Order;
  readonly #vectors: bigint[];
  readonly #el1: Bank;
  readonly #fp: Bank;
  readonly #kept: Kept | undefined;
  /** Whether the CPU holds a word of a record. */
  readonly #isEl1 = (n: number, word: bigint): boolean => {
    const register = this.#el1Registers[n]!;
    return OF_EL2.has(register.name) || register.read() === word;
  };
  readonly #isFp = (n: number, word: bigint): boolean => this.#vectors[n] === word;
  /** The registers of EL1, in the record's order. */
  readonly #el1Registers: readonly Register[];
  /** What was loaded since a vCPU was entered here. */
  #loaded: readonly bigint[] | undefined;

  /** `kept`: undefined for a core that is a script, whose records hold anything. */
  constructor(registers: SystemRegisters, vectors: bigint[], memory: () => DataView, order: Order, kept: Kept | undefined) {
    this.#order = order;
    this.#vectors = vectors;
    this.#el1 = new Bank("EL1 registers", EL1_OFFSET, el1Context.length, memory);
    this.#fp = new Bank("vector registers", FP_OFFSET, VECTOR_WORDS, memory);
    this.#kept = kept;
    this.#el1Registers = el1Context.map((name) => registers.at(name));
  }

  /** The record whose EL1 registers the CPU holds; 0: nobody's. */
  get el1Owner(): number {
    return this.#el1.isDead ? 0 : this.#el1.owner;
  }

  loadEl1(record: number): void {
    const words = this.#el1.load(record);
    this.#checkEl1(record, words);
    for (const [n, register] of this.#el1Registers.entries()) register.write(words[n] ?? 0n);
    this.#order.loadTimer();
  }
  saveEl1(record: number): void {
    const words = this.#el1Registers.map((register) => register.read());
    this.#el1.save(record, words);
    this.#kept?.el1.set(record, words);
    // The timers of the CPU go on.
    for (const register of this.#el1Registers) if (!register.name.startsWith("CNTV_")) register.value = POISON;
  }
  loadFp(record: number): void {
    const words = this.#fp.load(record);
    const wrong = firstOther(words, this.#kept?.fp.get(record) ?? (this.#kept === undefined ? words : STARTS.fp));
    if (wrong >= 0)
      throw new Violation(
        `the vCPU at ${hex(record)} gets ${hex(words[wrong]!)} in word ${wrong} of its vector registers, not its own`,
      );
    for (const [n, word] of words.entries()) this.#vectors[n] = word;
  }
  saveFp(record: number): void {
    this.#fp.save(record, this.#vectors);
    this.#kept?.fp.set(record, [...this.#vectors]);
    this.#vectors.fill(POISON);
  }

  /** What is loaded is what was saved last, or a start's. */
  #checkEl1(record: number, words: readonly bigint[]): void {
    this.#loaded = words;
    const kept = this.#kept?.el1.get(record);
    if (kept === undefined || firstOther(words, STARTS.el1) < 0) return;
    const wrong = firstOther(words, kept);
    if (wrong >= 0)
      throw new Violation(
        `${el1Context[wrong]} of the vCPU at ${hex(record)} is loaded as ${hex(words[wrong]!)}, and was ${hex(kept[wrong]!)}`,
      );
  }

  /** A vCPU is entered; `starts`: it starts, else it goes on. */
  checkStart(record: number, starts: boolean): void {
    const words = this.#loaded;
    this.#loaded = undefined;
    if (starts) this.#kept?.fp.set(record, STARTS.fp);
    if (words === undefined) return;
    const wrong = starts ? firstOther(words, STARTS.el1) : firstOther(words, this.#kept?.el1.get(record) ?? words);
    if (wrong >= 0)
      throw new Violation(
        `the vCPU at ${hex(record)} ${starts ? "starts" : "goes on"} with ${el1Context[wrong]} ${hex(words[wrong]!)}`,
      );
  }

  /** A vCPU is entered; `fpIsOpen`: it can use the vector registers as they are in the CPU. */
  enter(record: number, fpIsOpen: boolean): void {
    this.#el1.enter(record, this.#isEl1);
    if (fpIsOpen) this.#fp.enter(record, this.#isFp);
  }
}
