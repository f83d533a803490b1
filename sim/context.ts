// What moves between a vCPU's record and the CPU (src/hal/context.ts): its EL1 registers and its vector registers. While the CPU holds them, those in
// the record are lost: they are made something that is noticed when it is loaded without having been saved. What the CPU holds of a vCPU that was saved is
// nobody's any more, and made something that is noticed as well. A vCPU gets back what was saved, or what a start says.

import { offsets, records } from "../abi/records.ts";
import { el1Context, el2Controls } from "../abi/sysregs.ts";
import { Violation } from "./faults.ts";
import type { Order } from "./order.ts";
import { LEFT_BEHIND, type Register, type SystemRegisters } from "./sysregs.ts";
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
/** What a CPU has in place of what was saved. */
const POISON = 0x9015_09ad_0bad_c0den;

/** Registers as words, and as their halves, by which they are compared. */
class Words {
  readonly all: BigUint64Array;
  readonly halves: Int32Array;

  constructor(length: number) {
    this.all = new BigUint64Array(length);
    this.halves = new Int32Array(this.all.buffer);
  }

  copy({ halves }: Words): void {
    for (let n = 0; n < halves.length; n++) this.halves[n] = halves[n]!;
  }
  /** The first word that differs; -1: none. */
  firstOther({ halves }: Words): number {
    for (let n = 0; n < halves.length; n++) if (this.halves[n] !== halves[n]) return n >> 1;
    return -1;
  }
}

const wordsOf = (values: readonly bigint[]): Words => {
  const words = new Words(values.length);
  words.all.set(values);
  return words;
};
const LOST_WORDS = wordsOf([LOST]);

/** The EL1 registers and the vector registers of a vCPU that starts. */
const STARTS = {
  el1: wordsOf(el1Context.map((name) => (name === "SCTLR_EL1" ? BigInt(el2Controls.SCTLR_EL1_RESET) : 0n))),
  fp: new Words(VECTOR_WORDS),
};

/** What each vCPU had when its registers were saved, by its record: the same for all CPUs of a board. */
export class Kept {
  readonly el1 = new Map<number, Words>();
  readonly fp = new Map<number, Words>();

  static put(into: Map<number, Words>, record: number, words: Words): void {
    let found = into.get(record);
    if (found === undefined) {
      found = new Words(words.all.length);
      into.set(record, found);
    }
    found.copy(words);
  }
}

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
  /** Those in the record that was looked at last. */
  readonly #words: Words;
  readonly #memory: () => DataView;

  constructor(what: string, offset: number, words: number, memory: () => DataView) {
    this.#what = what;
    this.#offset = offset;
    this.#words = new Words(words);
    this.#memory = memory;
  }

  load(record: number): Words {
    const words = this.#read(record);
    for (let n = 0; n < words.all.length; n++)
      if (this.#isLost(n))
        throw new Violation(`the ${this.#what} of the vCPU at ${hex(record)} were not saved when it left its CPU`);
    this.#owner = record;
    this.#isSaved = true;
    this.isDead = false;
    return words;
  }

  save(record: number, { halves }: Words): void {
    if (this.#owner !== record) throw new Violation(`the ${this.#what} of another vCPU are saved as those of ${hex(record)}`);
    const view = this.#memory();
    for (let n = 0; n < halves.length; n++) view.setInt32(record + this.#offset + 4 * n, halves[n]!, true);
    this.#isSaved = true;
    this.isDead = true;
  }

  get owner(): number {
    return this.#owner;
  }

  /** The vCPU runs; `isSame`: whether the CPU holds word `n` of its record. */
  enter(record: number, isSame: (n: number, words: Words) => boolean): void {
    if (this.#owner !== record)
      throw new Violation(`the vCPU at ${hex(record)} is entered with the ${this.#what} of another one`);
    const view = this.#memory();
    const first = record + this.#offset;
    if (!this.#isSaved && this.#areLost(view, first)) return;
    const words = this.#read(record);
    let isOwn = this.#isSaved;
    for (let n = 0; isOwn && n < words.all.length; n++) isOwn = isSame(n, words);
    if (!isOwn) throw new Violation(`the ${this.#what} in the record at ${hex(record)} were changed, but not loaded`);
    for (let n = 0; n < words.all.length; n++) view.setBigUint64(first + 8 * n, LOST, true);
    this.#isSaved = false;
  }

  /** Whether the first word in the record is still as it was made when the vCPU ran. */
  #areLost(view: DataView, first: number): boolean {
    return view.getInt32(first, true) === LOST_WORDS.halves[0] && view.getInt32(first + 4, true) === LOST_WORDS.halves[1];
  }
  #isLost(n: number): boolean {
    const { halves } = this.#words;
    return halves[2 * n] === LOST_WORDS.halves[0] && halves[2 * n + 1] === LOST_WORDS.halves[1];
  }

  #read(record: number): Words {
    const view = this.#memory();
    const { halves } = this.#words;
    for (let n = 0; n < halves.length; n++) halves[n] = view.getInt32(record + this.#offset + 4 * n, true);
    return this.#words;
  }
}

export class Context {
  readonly #order: Order;
  readonly #vectors: Words;
  readonly #el1: Bank;
  readonly #fp: Bank;
  readonly #kept: Kept | undefined;
  /** Whether the CPU holds a word of a record. */
  readonly #isEl1 = (n: number, { all }: Words): boolean => this.#ofEl2[n]! || this.#el1Registers[n]!.read() === all[n];
  readonly #isFp = (n: number, { halves }: Words): boolean =>
    this.#vectors.halves[2 * n] === halves[2 * n] && this.#vectors.halves[2 * n + 1] === halves[2 * n + 1];
  /** The registers of EL1, in the record's order, and which of them EL2 writes. */
  readonly #el1Registers: readonly Register[];
  readonly #ofEl2: readonly boolean[];
  /** The timers of the CPU, which go on behind a save. */
  readonly #isTimer: readonly boolean[];
  /** What was loaded since a vCPU was entered here, if anything was. */
  readonly #loaded = new Words(el1Context.length);
  #isLoaded = false;
  /** What is being saved. */
  readonly #saved = new Words(el1Context.length);

  /** `kept`: undefined for a core that is a script, whose records hold anything. */
  constructor(registers: SystemRegisters, memory: () => DataView, order: Order, kept: Kept | undefined) {
    this.#order = order;
    this.#vectors = new Words(VECTOR_WORDS);
    this.#vectors.all.fill(LEFT_BEHIND);
    this.#el1 = new Bank("EL1 registers", EL1_OFFSET, el1Context.length, memory);
    this.#fp = new Bank("vector registers", FP_OFFSET, VECTOR_WORDS, memory);
    this.#kept = kept;
    this.#el1Registers = el1Context.map((name) => registers.at(name));
    this.#ofEl2 = el1Context.map((name) => OF_EL2.has(name));
    this.#isTimer = el1Context.map((name) => name.startsWith("CNTV_"));
  }

  /** V0 to V31, FPCR and FPSR, as they are in the CPU. */
  get vectors(): BigUint64Array {
    return this.#vectors.all;
  }

  /** The record whose EL1 registers the CPU holds; 0: nobody's. */
  get el1Owner(): number {
    return this.#el1.isDead ? 0 : this.#el1.owner;
  }

  loadEl1(record: number): void {
    const words = this.#el1.load(record);
    this.#checkEl1(record, words);
    const registers = this.#el1Registers;
    for (let n = 0; n < registers.length; n++) registers[n]!.write(words.all[n]!);
    this.#order.loadTimer();
  }
  saveEl1(record: number): void {
    const registers = this.#el1Registers;
    const saved = this.#saved;
    for (let n = 0; n < registers.length; n++) saved.all[n] = registers[n]!.read();
    this.#el1.save(record, saved);
    if (this.#kept !== undefined) Kept.put(this.#kept.el1, record, saved);
    for (let n = 0; n < registers.length; n++) if (!this.#isTimer[n]) registers[n]!.value = POISON;
  }
  loadFp(record: number): void {
    const words = this.#fp.load(record);
    const right = this.#kept === undefined ? words : (this.#kept.fp.get(record) ?? STARTS.fp);
    const wrong = words.firstOther(right);
    if (wrong >= 0)
      throw new Violation(
        `the vCPU at ${hex(record)} gets ${hex(words.all[wrong]!)} in word ${wrong} of its vector registers, not its own`,
      );
    this.#vectors.copy(words);
  }
  saveFp(record: number): void {
    this.#fp.save(record, this.#vectors);
    if (this.#kept !== undefined) Kept.put(this.#kept.fp, record, this.#vectors);
    this.#vectors.all.fill(POISON);
  }

  /** What is loaded is what was saved last, or a start's. */
  #checkEl1(record: number, words: Words): void {
    this.#loaded.copy(words);
    this.#isLoaded = true;
    const kept = this.#kept?.el1.get(record);
    if (kept === undefined || words.firstOther(STARTS.el1) < 0) return;
    const wrong = words.firstOther(kept);
    if (wrong >= 0)
      throw new Violation(
        `${el1Context[wrong]} of the vCPU at ${hex(record)} is loaded as ${hex(words.all[wrong]!)}, and was ${hex(kept.all[wrong]!)}`,
      );
  }

  /** A vCPU is entered; `starts`: it starts, else it goes on. */
  checkStart(record: number, starts: boolean): void {
    const words = this.#loaded;
    const isLoaded = this.#isLoaded;
    this.#isLoaded = false;
    if (starts && this.#kept !== undefined) Kept.put(this.#kept.fp, record, STARTS.fp);
    if (!isLoaded) return;
    const wrong = words.firstOther(starts ? STARTS.el1 : (this.#kept?.el1.get(record) ?? words));
    if (wrong >= 0)
      throw new Violation(
        `the vCPU at ${hex(record)} ${starts ? "starts" : "goes on"} with ${el1Context[wrong]} ${hex(words.all[wrong]!)}`,
      );
  }

  /** A vCPU is entered; `fpIsOpen`: it can use the vector registers as they are in the CPU. */
  enter(record: number, fpIsOpen: boolean): void {
    this.#el1.enter(record, this.#isEl1);
    if (fpIsOpen) this.#fp.enter(record, this.#isFp);
  }
}
