// The generic timer (Arm ARM D11): the board's physical count, which moves when a test says so, and each CPU's timers: EL2's physical one and EL1's
// virtual one.

import { el2Controls } from "../abi/sysregs.ts";
import { MASK_64, wordOf } from "./words.ts";

const { CNT_CTL_ENABLE, CNT_CTL_IMASK, CNT_CTL_ISTATUS } = el2Controls;

/** What all CPUs count by. */
export class Counter {
  count = 0n;
  frequency = 62_500_000n;
}

interface Compared {
  control: number;
  compare: bigint;
}

/** Enabled, and not masked. */
const isLive = ({ control }: Compared): boolean => (control & (CNT_CTL_ENABLE | CNT_CTL_IMASK)) === CNT_CTL_ENABLE;
/** How far away the time is at which it fires, if it is still to come. */
const distanceOf = (timer: Compared, now: bigint): bigint | undefined =>
  isLive(timer) && timer.compare > now ? timer.compare - now : undefined;

/** The lesser of two distances, undefined being none. */
export const sooner = (one: bigint | undefined, other: bigint | undefined): bigint | undefined =>
  one === undefined || (other !== undefined && other < one) ? other : one;

export class Timer {
  readonly #counter: Counter;
  offset = 0n;
  hypervisor = { control: 0, compare: 0n };
  virtual = { control: 0, compare: 0n };
  /** Whether the condition of the virtual timer was met, and of what that was made. */
  #last = { count: 0n, compare: 0n, offset: 0n, isMet: true };

  constructor(counter: Counter) {
    this.#counter = counter;
  }

  get count(): bigint {
    return this.#counter.count;
  }
  set count(value: bigint) {
    this.#counter.count = value;
  }
  get frequency(): bigint {
    return this.#counter.frequency;
  }
  set frequency(value: bigint) {
    this.#counter.frequency = value;
  }

  get virtualCount(): bigint {
    return (this.count - this.offset) & MASK_64;
  }

  /** Lets time pass, for all CPUs. */
  advance(ticks: bigint): void {
    this.#counter.count += ticks;
  }
  advanceSeconds(seconds: number): void {
    this.advance(BigInt(Math.round(seconds * Number(this.frequency))));
  }

  get hypervisorLine(): boolean {
    return isLive(this.hypervisor) && this.count >= this.hypervisor.compare;
  }
  get virtualLine(): boolean {
    if (!isLive(this.virtual)) return false;
    const { count, offset } = this;
    const { compare } = this.virtual;
    // Asked for again and again with nothing changed.
    const last = this.#last;
    if (last.count !== count || last.compare !== compare || last.offset !== offset)
      this.#last = { count, compare, offset, isMet: this.virtualCount >= compare };
    return this.#last.isMet;
  }

  /** The virtual timer is enabled and not masked. */
  get isVirtualLive(): boolean {
    return isLive(this.virtual);
  }

  /** CNTV_CTL_EL0 as it reads. */
  get virtualControl(): bigint {
    const met = (this.virtual.control & CNT_CTL_ENABLE) !== 0 && this.virtualCount >= this.virtual.compare;
    return wordOf((this.virtual.control & 3) | (met ? CNT_CTL_ISTATUS : 0));
  }

  /** Ticks until the next timer fires; undefined if none ever will. */
  get distance(): bigint | undefined {
    return sooner(distanceOf(this.hypervisor, this.count), distanceOf(this.virtual, this.virtualCount));
  }
}
