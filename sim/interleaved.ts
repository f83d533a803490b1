// The second mode of the machine: several CPUs in the middle of their exits at once. At a call of the HAL that a seed chooses, and always where a CPU
// waits (cpu.relax), its stack is put aside (WebAssembly's stack switching) and another CPU acts: it goes on with its exit, takes an interrupt, or its
// guest does something. One CPU acts at a time, between two calls nobody interrupts it, and the same seed gives the same order to the last call.
//
// The machine needs a core with points (instrument.ts). Guests are the caller's: `act` has the guest of a CPU do one thing, which comes to the core once
// at most. It begins the exit alone; what the core answers is there when the guest acts again.

import type { Cpu } from "./cpu.ts";
import type { Core, Machine } from "./machine.ts";
import { once, oneOf, type Random, randomOf } from "./random.ts";
import type { Call, Mode } from "./run.ts";

/** A countdown that does not come to its end: no point. */
const NEVER = 2 ** 31 - 1;
/** For so many turns one CPU acts so much more often than another; one without luck only while no other can. */
const SPELLS = [16, 64, 256, 1024];
const LUCK = [0, 1, 1, 8, 32];
/** Mean HAL calls from one point to the next, likewise for a spell. */
const GAPS = [1, 2, 8, 32, 128];

/** So often a CPU may ask in one exit whether another one has answered: that may be without luck for long, or wait for a slow line. */
const PATIENCE = 1_000_000;

export interface InterleavedOptions {
  readonly seed: number;
  /** The guest of this CPU does one thing. */
  readonly act: (cpu: Cpu) => void;
}

type Promising = (...args: never[]) => Promise<unknown>;

export class Interleaved implements Mode {
  readonly #machine: Machine;
  readonly #act: (cpu: Cpu) => void;
  readonly #random: Random;
  /** The core's functions, each of which returns a promise. */
  readonly #core: Core;
  readonly #countdown: WebAssembly.Global;
  /** What has each CPU go on that has given way in the middle of its exit. */
  readonly #aside: ((() => void) | undefined)[] = [];
  /** How often each CPU has waited in its exit, and whether it does so now. */
  readonly #waited: number[];
  readonly #isWaiting: boolean[];
  #luck: readonly number[] = [];
  /** Of each CPU, its luck in this turn; below 0: it cannot act. */
  readonly #chances: number[];
  #gap = 1;
  /** Turns up to the end of the spell. */
  #spell = 0;
  /** How many turns CPUs have had. */
  turns = 0;
  /** What the guest has begun that acts now. */
  #begun: (() => void) | undefined;
  /** The turn of the CPU that acts is over: it has given way, or its exit is over. */
  #over: { readonly resolve: () => void; readonly reject: (reason: unknown) => void } | undefined;

  constructor(machine: Machine, { seed, act }: InterleavedOptions) {
    const { countdown } = machine.core;
    if (countdown === undefined)
      throw new Error("the machine's core has no points: MachineOptions.wasm is instrumentedCore({ points: true })");
    this.#machine = machine;
    this.#act = act;
    this.#random = randomOf(seed);
    this.#countdown = countdown;
    const functions = Object.entries(machine.core).filter(([, one]) => typeof one === "function");
    this.#core = Object.fromEntries(
      functions.map(([name, one]) => [name, WebAssembly.promising(one as Promising)]),
    ) as unknown as Core;
    this.#waited = machine.cpus.map(() => 0);
    this.#isWaiting = machine.cpus.map(() => false);
    this.#chances = machine.cpus.map(() => 0);
    machine.run.mode = this;
  }

  get #isQuiet(): boolean {
    return this.#machine.cpus.every(({ isInside }) => !isInside);
  }

  /** From now on, exits are whole ones again. No CPU may be in the middle of one. */
  stop(): void {
    if (!this.#isQuiet) throw new Error("a CPU is in the middle of an exit");
    this.#machine.run.mode = undefined;
    this.#countdown.value = NEVER;
  }

  /** The first CPU begins to boot. */
  async boot(fdt: bigint, flags: bigint): Promise<void> {
    this.#machine.run.boot(fdt, flags);
    await this.#doBegun();
  }

  /** One turn of a CPU. False: no CPU has anything to do, and no time passes by itself. */
  async step(): Promise<boolean> {
    const cpu = this.#choose(true);
    if (cpu === undefined) {
      const { run } = this.#machine;
      if (run.timePasses) run.pass();
      return run.timePasses;
    }
    await this.#turnOf(cpu, !once(this.#random, 8));
    return true;
  }

  /** `isPrompt`: it takes an interrupt before its guest does anything. */
  async #turnOf(cpu: Cpu, isPrompt: boolean): Promise<void> {
    const goOn = this.#aside[cpu.index];
    if (goOn !== undefined) {
      this.#aside[cpu.index] = undefined;
      this.#isWaiting[cpu.index] = false;
      this.#machine.run.act(cpu);
      await this.#turn(goOn);
      return;
    }
    if ((isPrompt || cpu.vcpu === 0) && cpu.isCalled) this.#machine.run.take(cpu);
    else this.#act(cpu);
    await this.#doBegun();
  }

  /** Steps until something is true at the end of one. */
  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) if (!(await this.step())) throw new Error("nothing happens any more");
  }

  /** Every exit that has begun comes to its end; others may interrupt a guest meanwhile, but no guest does anything. */
  async finish(): Promise<void> {
    while (!this.#isQuiet) await this.#turnOf(this.#choose(false)!, true);
  }

  #drawLuck(): void {
    this.#luck = this.#machine.cpus.map(() => oneOf(this.#random, LUCK));
    this.#gap = oneOf(this.#random, GAPS);
    this.#spell = oneOf(this.#random, SPELLS);
  }

  /** Who acts, by luck; `guests`: they may. One that waits has little, for it does nothing. */
  #choose(guests: boolean): Cpu | undefined {
    const { cpus } = this.#machine;
    this.turns++;
    if (this.#spell-- === 0) this.#drawLuck();
    let [able, all] = [0, 0];
    for (const cpu of cpus) {
      const isAble = cpu.isInside || (guests && cpu.vcpu !== 0) || cpu.isCalled;
      const luck = this.#luck[cpu.index]!;
      const chance = this.#isWaiting[cpu.index] ? Math.min(luck, 1) : luck;
      this.#chances[cpu.index] = isAble ? chance : -1;
      if (!isAble) continue;
      able++;
      all += chance;
    }
    if (able === 0) return undefined;
    // where nobody has any luck, all have the same
    const more = all === 0 ? 1 : 0;
    let rest = this.#random(all === 0 ? able : all);
    for (const cpu of cpus) {
      const chance = this.#chances[cpu.index]!;
      if (chance < 0) continue;
      rest -= chance + more;
      if (rest < 0) return cpu;
    }
    return undefined;
  }

  async #doBegun(): Promise<void> {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun !== undefined) await this.#turn(begun);
  }

  /** Has the CPU that acts do so until it gives way or its exit is over. */
  #turn(start: () => void): Promise<void> {
    // alone on the board, it gives way to nobody
    if (this.#machine.cpus.length === 1) this.#countdown.value = NEVER;
    else this.#countdown.value = this.#gap === 1 ? 1 : 1 + this.#random(2 * this.#gap - 1);
    return new Promise((resolve, reject) => {
      this.#over = { resolve, reject };
      start();
    });
  }

  // --- what the run and the core call

  exit(cpu: Cpu, call: Call): void {
    if (this.#begun !== undefined) throw new Error(`CPU ${cpu.index} comes to the core twice in one act`);
    this.#begun = () => {
      const { run } = this.#machine;
      run.begin(cpu, call);
      this.#waited[cpu.index] = 0;
      const end = (vcpu: number): void => {
        run.end(cpu, vcpu);
        this.#over?.resolve();
      };
      Promise.resolve(call(this.#core))
        .then(end)
        .catch((reason) => this.#over?.reject(reason));
    };
  }

  /** The CPU that acts has waited for another one: it gives way at the call by which it looks whether that has answered. */
  relax(cpu: Cpu): void {
    const waited = ++this.#waited[cpu.index]!;
    this.#isWaiting[cpu.index] = true;
    this.#machine.run.wait(waited, PATIENCE);
    this.#countdown.value = 1;
  }

  /** The CPU that acts gives way. */
  suspend(): Promise<void> {
    return new Promise((resolve) => {
      this.#aside[this.#machine.run.acting.index] = resolve;
      this.#over?.resolve();
    });
  }
}
