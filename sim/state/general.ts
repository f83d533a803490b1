// The general registers, PC and PSTATE of one vCPU, as its guest knows them. They lie in its record (VcpuFrame): EL2 gets them there and gives them back
// from there. A copy of them that the core cannot reach says what they must be.

import { offsets, records } from "../../abi/records.ts";
import { Violation } from "../faults.ts";
import { hex } from "../words.ts";
import { type CallRule, type Cause, type Change, INTERRUPT, itAdvanced } from "./cause.ts";

const frame = offsets(records.VcpuFrame ?? { doc: "", fields: [] }).fields;
/** X0 to X30, then these. */
export const PC = (frame.elr ?? 0) / 8;
export const PSTATE = (frame.spsr ?? 0) / 8;
const WORDS = PSTATE + 1;
/** A word that means nothing, of a record that is made anew as a whole: what stands there says whether it was. */
const MARK = (frame.reserved ?? 0) / 8;

export const nameOf = (word: number): string => (word === PC ? "PC" : word === PSTATE ? "PSTATE" : `X${word}`);

export class General {
  readonly record: number;
  readonly #live: Int32Array;
  readonly #known: Int32Array;
  /** What the guest has, or had when it left its CPU. */
  readonly was: BigUint64Array;
  /** What its record has. */
  readonly now: BigUint64Array;
  /** Why it left its CPU, and by which call, if by one. */
  cause: Cause = INTERRUPT;
  rule: CallRule | undefined;
  readonly #mark: BigUint64Array;

  constructor(record: number, memory: ArrayBuffer) {
    this.record = record;
    this.#live = new Int32Array(memory, record, 2 * WORDS);
    this.#known = new Int32Array(2 * WORDS);
    this.was = new BigUint64Array(this.#known.buffer);
    this.now = new BigUint64Array(memory, record, WORDS);
    this.#mark = new BigUint64Array(memory, record + 8 * MARK, 1);
  }

  /** The guest changes one of its registers itself. */
  write(word: number, value: bigint): void {
    this.was[word] = value;
  }

  /** The low words of X0 and X1. */
  get function(): number {
    return this.#known[0]!;
  }
  get argument(): number {
    return this.#known[2]!;
  }

  /** It leaves its CPU. Until now nobody but its guest has had anything to do with its registers. */
  leave(cause: Cause): void {
    const [live, known] = [this.#live, this.#known];
    for (let n = 0; n < 2 * WORDS; n++) if (live[n] !== known[n]) this.#refuseStray(n >> 1);
    this.cause = cause;
  }

  #refuseStray(word: number): never {
    throw new Violation(`${nameOf(word)} in the record at ${hex(this.record)} was written by EL2 while its guest ran`);
  }

  /** Whether it has all that it had, but for the first `results` registers. */
  isSameBehind(results: number): boolean {
    const [live, known] = [this.#live, this.#known];
    for (let n = 2 * results; n < 2 * WORDS; n++) if (live[n] !== known[n]) return false;
    return true;
  }

  /** The first X register from `from` on that is not what it was; 31: none. */
  firstChanged(from: number): number {
    const [live, known] = [this.#live, this.#known];
    for (let n = from; n < PC; n++) if (live[2 * n] !== known[2 * n] || live[2 * n + 1] !== known[2 * n + 1]) return n;
    return PC;
  }

  /** PSTATE's low word, as the guest had it. */
  get pstate(): number {
    return this.#known[2 * PSTATE]!;
  }

  /** Which word is not as the change of an exit has it, of which PC moves by `more` bytes more; undefined: none. */
  firstWrong({ registers, advance, advancesIt }: Change, more = 0): number | undefined {
    const [live, known] = [this.#live, this.#known];
    for (let n = this.firstChanged(0); n < PC; n = this.firstChanged(n + 1)) if (((registers >>> n) & 1) === 0) return n;
    const distance = advance + more;
    const [low, high] = [known[2 * PC]!, known[2 * PC + 1]!];
    const sum = (low >>> 0) + distance;
    const carry = sum < 0 ? -1 : sum >= 2 ** 32 ? 1 : 0;
    if (live[2 * PC] !== (sum | 0) || live[2 * PC + 1] !== ((high + carry) | 0)) return PC;
    if (advancesIt) return this.now[PSTATE] === itAdvanced(this.was[PSTATE]!) ? undefined : PSTATE;
    return live[2 * PSTATE] === known[2 * PSTATE] && live[2 * PSTATE + 1] === known[2 * PSTATE + 1] ? undefined : PSTATE;
  }

  /** Its record was made anew since it was entered last, or it never was. */
  get isMadeAnew(): boolean {
    return this.#mark[0] === 0n;
  }

  /** It is entered: what its record has is what its guest has. */
  enter(): void {
    this.#known.set(this.#live);
    this.#mark[0] = 1n;
  }
  /** Likewise, where nothing but X0 can be different. */
  enterWithX0(): void {
    this.#known[0] = this.#live[0]!;
    this.#known[1] = this.#live[1]!;
  }
}
