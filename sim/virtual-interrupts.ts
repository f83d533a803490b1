// The GIC's virtual CPU interface (Arm IHI 0069): the hypervisor's side, ICH_* (12.4), and the guest's side, ICV_* (12.3), between which the
// list registers lie. Follows the pseudocode of 12.3 for acknowledge, end of interrupt and deactivation.

import { ichHcr, listRegister } from "../abi/gic.ts";
import { Violation } from "./faults.ts";
import { highHalf, lowest, lowHalf, wordOf } from "./words.ts";

const highWord = (value: bigint): number => highHalf(value) | 0;
/** Bits of a list register's high word. */
const PENDING = highWord(listRegister.LR_PENDING);
const ACTIVE = highWord(listRegister.LR_ACTIVE);
const STATE = PENDING | ACTIVE;
const HW = highWord(listRegister.LR_HW);
const GROUP1 = highWord(listRegister.LR_GROUP1);
const EOI = highWord(listRegister.LR_EOI);
const IDLE = 0x100;
const SPURIOUS = 1023;

/** Bits of ICH_HCR_EL2. */
const LRENPIE = 1 << 2;
const NPIE = 1 << 3;
const GROUP_ENABLED = [1 << 4, 1 << 6];
const GROUP_DISABLED = [1 << 5, 1 << 7];
const EOI_COUNT_SHIFT = 27;

/** Bits of ICH_VMCR_EL2. */
const VENG = [1 << 0, 1 << 1];
const VCBPR = 1 << 4;
const VEOIM = 1 << 9;

const linkedId = (high: number): number => high & 0x1fff;
const priorityOf = (high: number): number => (high >> 16) & 0xff;
const groupOf = (high: number): 0 | 1 => ((high & GROUP1) !== 0 ? 1 : 0);

/** Who is told of what list registers get and guests take. */
export interface Watch {
  /** EL2 has written a list register. */
  listed(): void;
  /** The guest has read ICV_IAR<group>_EL1, at that running priority. */
  acknowledged(group: 0 | 1, intid: number, running: number): void;
  /** The guest has ended an interrupt that a list register has, or one that none has, which is counted. */
  deactivated(intid: number): void;
  counted(intid: number): void;
}

export class VirtualInterface {
  watch: Watch | undefined;
  /** The list registers, and their halves, one after the other: the low one is the INTID, the high one what is asked for at every turn. */
  readonly #lrs: BigUint64Array;
  readonly #halves: Int32Array;
  /** Those that are pending or active, a bit each. */
  #used = 0;
  readonly #priorityBits: number;
  /** Active priorities by group: one bit a preemption level, 32 a word. */
  readonly #active = [new Uint32Array(4), new Uint32Array(4)] as const;
  /** ICH_MISR_EL2 as it was worked out last; undefined: something has changed since. */
  #misr: number | undefined;
  #hcr = 0;
  #vmcr = 0;
  readonly #deactivateLinked: (intid: number) => void;

  constructor(listRegisters: number, priorityBits: number, deactivateLinked: (intid: number) => void) {
    this.#lrs = new BigUint64Array(listRegisters);
    this.#halves = new Int32Array(this.#lrs.buffer);
    this.#priorityBits = priorityBits;
    this.#deactivateLinked = deactivateLinked;
  }

  // --- the hypervisor's side

  get vtr(): bigint {
    const bitsField = BigInt(this.#priorityBits - 1);
    return (bitsField << 29n) | (bitsField << 26n) | (1n << 21n) | BigInt(this.#lrs.length - 1);
  }
  get hcr(): bigint {
    return wordOf(this.#hcr >>> 0);
  }
  set hcr(value: bigint) {
    this.#hcr = lowHalf(value);
    this.#misr = undefined;
  }
  get vmcr(): bigint {
    return wordOf(this.#vmcr >>> 0);
  }
  set vmcr(value: bigint) {
    this.#vmcr = lowHalf(value);
    this.#misr = undefined;
  }

  readList(n: number): bigint {
    const value = this.#lrs[n];
    if (value === undefined) throw new Violation(`ICH_LR${n}_EL2 does not exist: UNDEFINED`);
    return value;
  }

  /** 12.4.8: what makes the list registers UNPREDICTABLE is a violation. */
  writeList(n: number, value: bigint): void {
    this.readList(n);
    this.#lrs[n] = value;
    this.#note(n);
    const [id, high] = [this.idOf(n), this.#high(n)];
    if ((high & STATE) !== 0) {
      if ((high & HW) !== 0 && (high & STATE) === STATE)
        throw new Violation(`ICH_LR${n}: a linked interrupt is pending and active`);
      if (id >= 1020) throw new Violation(`ICH_LR${n}: vINTID ${id}`);
      for (let rest = this.#used & ~(1 << n); rest !== 0; rest &= rest - 1) {
        const other = lowest(rest);
        if (this.idOf(other) === id) throw new Violation(`vINTID ${id} is in two list registers, ${other} and ${n}`);
      }
    }
    this.watch?.listed();
  }
  get lists(): readonly bigint[] {
    return [...this.#lrs];
  }

  // One of them in parts, for who looks often.

  get count(): number {
    return this.#lrs.length;
  }
  /** Those that are pending or active, a bit each. */
  get used(): number {
    return this.#used;
  }
  idOf(n: number): number {
    return this.#halves[2 * n]! >>> 0;
  }
  #high(n: number): number {
    return this.#halves[2 * n + 1]!;
  }
  isPending(n: number): boolean {
    return (this.#high(n) & PENDING) !== 0;
  }
  isActive(n: number): boolean {
    return (this.#high(n) & ACTIVE) !== 0;
  }
  groupOf(n: number): 0 | 1 {
    return groupOf(this.#high(n));
  }
  priorityOf(n: number): number {
    return priorityOf(this.#high(n));
  }

  /** One of them has changed. */
  #note(n: number): void {
    this.#used = (this.#high(n) & STATE) === 0 ? this.#used & ~(1 << n) : this.#used | (1 << n);
    this.#misr = undefined;
  }
  /** The guest's side changes its state. */
  #setState(n: number, state: number): void {
    this.#halves[2 * n + 1] = (this.#high(n) & ~STATE) | state;
    this.#note(n);
  }

  #requireWord(word: number): void {
    if (word >= 1 << (this.#priorityBits - 5)) throw new Violation(`ICH_AP${word} does not exist: UNDEFINED`);
  }
  readActive(group: 0 | 1, word: number): bigint {
    this.#requireWord(word);
    return wordOf(this.#active[group][word] ?? 0);
  }
  writeActive(group: 0 | 1, word: number, value: bigint): void {
    this.#requireWord(word);
    this.#active[group][word] = lowHalf(value);
  }

  get elrsr(): bigint {
    return this.#mask((high) => (high & STATE) === 0 && ((high & HW) !== 0 || (high & EOI) === 0));
  }
  get eisr(): bigint {
    return this.#mask((high) => (high & (STATE | HW)) === 0 && (high & EOI) !== 0);
  }
  #mask(test: (high: number) => boolean): bigint {
    let mask = 0;
    for (let n = 0; n < this.count; n++) if (test(this.#high(n))) mask |= 1 << n;
    return wordOf(mask);
  }

  #maintenanceStatus(): number {
    const hcr = this.#hcr;
    let valid = 0;
    let isPending = false;
    let isEnded = false;
    for (let n = 0; n < this.count; n++) {
      const high = this.#high(n);
      if ((high & STATE) !== 0) valid++;
      else if ((high & HW) === 0 && (high & EOI) !== 0) isEnded = true;
      if ((high & STATE) === PENDING) isPending = true;
    }
    let misr = isEnded ? 1 : 0;
    if ((hcr & ichHcr.ICH_HCR_UIE) !== 0 && valid <= 1) misr |= 2;
    if ((hcr & LRENPIE) !== 0 && hcr >>> EOI_COUNT_SHIFT !== 0) misr |= 4;
    if ((hcr & NPIE) !== 0 && !isPending) misr |= 8;
    for (const group of [0, 1] as const) {
      const enabled = (this.#vmcr & (VENG[group] ?? 0)) !== 0;
      if (enabled && (hcr & (GROUP_ENABLED[group] ?? 0)) !== 0) misr |= 0x10 << (2 * group);
      if (!enabled && (hcr & (GROUP_DISABLED[group] ?? 0)) !== 0) misr |= 0x20 << (2 * group);
    }
    return misr;
  }
  get misr(): bigint {
    return wordOf(this.#status());
  }
  // A method: the engine calls itself for private accessors, and this is asked at every turn.
  #status(): number {
    this.#misr ??= this.#maintenanceStatus();
    return this.#misr;
  }

  /** The line of the maintenance interrupt. */
  get maintenance(): boolean {
    return (this.#hcr & ichHcr.ICH_HCR_EN) !== 0 && this.#status() !== 0;
  }

  // --- the guest's side

  get priorityMask(): number {
    return this.#vmcr >>> 24;
  }
  set priorityMask(value: number) {
    const mask = value & (0xff00 >> this.#priorityBits) & 0xff;
    this.#vmcr = ((this.#vmcr & 0xff_ffff) | (mask << 24)) >>> 0;
  }
  enableGroup(group: 0 | 1, on: boolean): void {
    const field = VENG[group] ?? 0;
    this.#vmcr = on ? this.#vmcr | field : this.#vmcr & ~field;
    this.#misr = undefined;
  }
  set endOfInterruptMode(mode: 0 | 1) {
    this.#vmcr = mode === 1 ? this.#vmcr | VEOIM : this.#vmcr & ~VEOIM;
  }

  /** Writes of zero to all of ICV_AP0R<n>_EL1 and ICV_AP1R<n>_EL1: no priority runs. */
  forgetActive(): void {
    for (const active of this.#active) active.fill(0);
  }

  /** The lowest bits of a priority that do not count for preemption: ICV_BPR<n>_EL1, not below its minimum. */
  #groupPriority(priority: number, group: 0 | 1): number {
    const least = 8 - this.#priorityBits;
    const common = group === 0 || (this.#vmcr & VCBPR) !== 0;
    const point = common ? ((this.#vmcr >>> 21) & 7) + 1 : (this.#vmcr >>> 18) & 7;
    const ignored = Math.max(point, least);
    return priority & ~((1 << ignored) - 1) & 0xff;
  }

  #level(priority: number): number {
    return priority >> (8 - this.#priorityBits);
  }

  /** The most urgent active priority. */
  get runningPriority(): number {
    const [group0, group1] = this.#active;
    for (let word = 0; word < 4; word++) {
      const active = (group0[word] ?? 0) | (group1[word] ?? 0);
      if (active !== 0) return (32 * word + lowest(active)) << (8 - this.#priorityBits);
    }
    return IDLE;
  }

  #highest(): number | undefined {
    let best: number | undefined;
    for (let rest = this.#used; rest !== 0; rest &= rest - 1) {
      const n = lowest(rest);
      const high = this.#high(n);
      if ((high & STATE) !== PENDING || !this.isGroupEnabled(groupOf(high))) continue;
      if (best === undefined || priorityOf(high) < this.priorityOf(best)) best = n;
    }
    return best;
  }

  /** The list register whose interrupt the guest would take now. */
  #deliverable(): number | undefined {
    const n = this.#highest();
    if (n === undefined || (this.#hcr & ichHcr.ICH_HCR_EN) === 0) return undefined;
    return this.lets(this.priorityOf(n), this.groupOf(n), this.runningPriority) ? n : undefined;
  }

  /** Whether an interrupt of that priority would be taken while that one runs. */
  lets(priority: number, group: 0 | 1, running: number): boolean {
    if (!this.isGroupEnabled(group) || (this.#hcr & ichHcr.ICH_HCR_EN) === 0) return false;
    return priority < this.priorityMask && this.#groupPriority(priority, group) < running;
  }
  isGroupEnabled(group: 0 | 1): boolean {
    return (this.#vmcr & (VENG[group] ?? 0)) !== 0;
  }

  /** Whether the virtual IRQ (group 1) or FIQ (group 0) line is high. */
  signals(group: 0 | 1): boolean {
    const n = this.#deliverable();
    return n !== undefined && this.groupOf(n) === group;
  }

  /** A read of ICV_IAR<group>_EL1: the INTID, 1023 if there is none. */
  acknowledge(group: 0 | 1): number {
    const running = this.runningPriority;
    const intid = this.#acknowledge(group);
    this.watch?.acknowledged(group, intid, running);
    return intid;
  }
  #acknowledge(group: 0 | 1): number {
    const n = this.#deliverable();
    if (n === undefined || this.groupOf(n) !== group) return SPURIOUS;
    const level = this.#level(this.#groupPriority(this.priorityOf(n), group));
    this.#active[group][level >> 5]! |= 1 << (level & 31);
    this.#setState(n, ACTIVE);
    return this.idOf(n);
  }

  /** A write of ICV_EOIR<group>_EL1. */
  end(group: 0 | 1, intid: number): void {
    if (intid >= 1020) return;
    const running = this.runningPriority;
    if (running === IDLE) return;
    const level = this.#level(running);
    const active = this.#active[group];
    const mask = 1 << (level & 31);
    if (((active[level >> 5] ?? 0) & mask) === 0) return;
    active[level >> 5]! &= ~mask;
    if ((this.#vmcr & VEOIM) === 0) this.#deactivate(intid, group, running);
  }

  /** A write of ICV_DIR_EL1. */
  deactivate(intid: number): void {
    if (intid < 1020 && (this.#vmcr & VEOIM) !== 0) this.#deactivate(intid);
  }

  #deactivate(intid: number, group?: 0 | 1, running?: number): void {
    let n = 0;
    while (n < this.count && (this.idOf(n) !== intid || !this.isActive(n))) n++;
    if (n === this.count) {
      const count = Math.min((this.#hcr >>> EOI_COUNT_SHIFT) + 1, 31);
      this.#hcr = ((this.#hcr & 0x07ff_ffff) | (count << EOI_COUNT_SHIFT)) >>> 0;
      this.#misr = undefined;
      this.watch?.counted(intid);
      return;
    }
    const high = this.#high(n);
    if (group !== undefined && (groupOf(high) !== group || this.#groupPriority(priorityOf(high), group) !== running)) return;
    this.#setState(n, high & PENDING);
    this.watch?.deactivated(intid);
    if ((high & HW) !== 0) this.#deactivateLinked(linkedId(high));
  }
}
