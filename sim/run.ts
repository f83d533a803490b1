// How CPUs come into the core and out of it. In the fast mode, one exit of one CPU at a time, from its beginning to its end: a CPU that waits for another
// one in the middle of its exit (cpu.relax) lets the others take what has arrived for them, nested; that is when a guest can see two CPUs at work at once.
// In the second mode (interleaved.ts) the others go on in the middle of any exit.

import type { Cpu } from "./cpu.ts";
import { EntryRules } from "./entry.ts";
import { Asleep, Entangled, Violation } from "./faults.ts";
import type { Core, Machine } from "./machine.ts";
import { INTERRUPT } from "./state/cause.ts";
import { sooner } from "./timer.ts";

/** Enters the core, and passes on the record of the vCPU to enter, 0 for none; in the second mode, a promise of it. */
export type Call = (core: Core) => number;

/** Who takes exits in place of this file: the second mode. */
export interface Mode {
  exit(cpu: Cpu, call: Call): void;
  relax(cpu: Cpu): void;
  /** The CPU that acts gives way until the promise is kept. */
  suspend(): Promise<void>;
}

/** Who is told of each exit, when it begins and when it is over. */
export interface Observer {
  begin(cpu: Cpu, call: Call): void;
  end(cpu: Cpu): void;
}

/** Chooses among CPUs that may enter the core; there is at least one. */
export type Pick = (called: readonly Cpu[]) => Cpu | undefined;

/** So many exits with no time between them are taken to be a storm: the longest work of a VM takes fewer pieces. */
const STORM = 100_000;
/** So often a CPU asks in one exit whether another one has answered, and so often before time passes meanwhile. */
const PATIENCE = 20_000;
const AT_ONCE = 100;
/** The same for one in the middle of another CPU's exit. */
const NESTED = 1000;
/** Parts of a second that pass with each time it asks. */
const PART = 10_000n;

export class Run {
  readonly #machine: Machine;
  readonly #rules: EntryRules;
  readonly #pick: Pick;
  /** The CPU that is in the core, and in the middle of how many exits, its own and those of others. */
  #inside: Cpu | undefined;
  #depth = 0;
  /** The CPU that HAL calls act on. */
  acting: Cpu;
  #waited = 0;
  /** The second mode, while it is on. */
  mode: Mode | undefined;
  observer: Observer | undefined;
  /** How often a CPU has entered the core. */
  exits = 0;
  /** Time goes on by itself while no CPU runs a guest: to the next timer, or to what `whileAsleep` does. */
  timePasses = false;
  whileAsleep: () => void = () => undefined;

  constructor(machine: Machine, pick: Pick = ([first]) => first) {
    this.#machine = machine;
    this.#rules = new EntryRules(machine);
    this.#pick = pick;
    this.acting = machine.cpu(0);
  }

  /** One exit of a CPU. */
  exit(cpu: Cpu, call: Call): void {
    if (this.mode !== undefined) {
      this.mode.exit(cpu, call);
      return;
    }
    this.begin(cpu, call);
    const outer = this.#inside;
    this.#inside = cpu;
    this.#depth++;
    this.#waited = 0;
    try {
      this.end(cpu, call(this.#machine.core));
    } finally {
      cpu.isInside = false;
      this.#inside = outer;
      this.#depth--;
      this.act(outer ?? this.#machine.cpu(0));
    }
  }

  /** HAL calls act on this CPU from now on. */
  act(cpu: Cpu): void {
    this.acting = cpu;
    this.#machine.order.cpu = cpu.index;
  }

  /** A CPU comes into the core. */
  begin(cpu: Cpu, call: Call): void {
    if (cpu.isInside) throw new Violation(`CPU ${cpu.index} enters the core while it is there`);
    this.observer?.begin(cpu, call);
    this.exits++;
    cpu.isInside = true;
    this.act(cpu);
    this.#machine.order.tlb.leave(cpu.index);
    this.#machine.races?.begin(cpu.index, cpu.vcpu);
    const left = cpu.guest;
    if (left !== undefined) this.#machine.state?.leave(cpu, left, cpu.cause);
    cpu.left = left;
    cpu.cause = INTERRUPT;
    cpu.vcpu = 0;
  }

  /** It leaves it, and enters this vCPU; 0: none. */
  end(cpu: Cpu, vcpu: number): void {
    cpu.vcpu = vcpu >>> 0;
    this.#machine.delivery?.answered(cpu);
    this.#machine.locks.leave(cpu.index);
    this.#rules.check(cpu);
    this.#machine.races?.end(cpu.index, cpu.vcpu);
    const entered = cpu.guest;
    if (entered !== undefined) this.#machine.state?.enter(cpu, entered);
    this.#machine.order.leave();
    cpu.isInside = false;
    const { ledger, cpus } = this.#machine;
    if (ledger.isDue && cpus.every(({ isInside }) => !isInside)) ledger.check();
    this.observer?.end(cpu);
  }

  /** The first CPU enters the core, with x0 and x1 of its first call. */
  boot(fdt: bigint, flags: bigint): void {
    const cpu = this.#machine.cpu(0);
    cpu.power = "on";
    this.exit(cpu, (core) => core.boot(fdt, flags));
  }

  /** What the firmware or an interrupt calls a CPU for. */
  take(cpu: Cpu): void {
    const { number, vcpu } = cpu;
    if (cpu.power === "starting") {
      cpu.power = "on";
      this.exit(cpu, (core) => core.bootCpu(number));
    } else if (vcpu === 0) this.exit(cpu, (core) => core.onIdle());
    else this.exit(cpu, (core) => core.onIrq(vcpu));
  }

  #called(): Cpu | undefined {
    let called: Cpu[] | undefined;
    for (const cpu of this.#machine.cpus) {
      if (!cpu.isCalled) continue;
      called ??= [];
      called.push(cpu);
    }
    return called && this.#pick(called);
  }

  /** Lets CPUs start and take their interrupts until nothing happens any more; in the second mode they do so when their turn comes. */
  settle(): void {
    if (this.mode !== undefined) return;
    for (let n = 0; ; n++) {
      const cpu = this.#called();
      if (cpu === undefined) {
        if (this.#machine.delivery?.isDirty === true) this.#machine.delivery.check();
        return;
      }
      if (n === STORM) throw new Violation("an interrupt comes again and again");
      this.take(cpu);
    }
  }

  /** Settles; then, if time passes by itself, waits until a CPU runs a guest again. */
  proceed(): void {
    this.settle();
    while (this.mode === undefined && this.timePasses && this.#isIdle()) this.#sleep();
  }

  #isIdle(): boolean {
    return this.#machine.cpus.every(({ vcpu }) => vcpu === 0);
  }

  #sleep(): void {
    this.pass();
    this.settle();
  }

  /** No CPU has anything to do: time goes on to the next timer. */
  pass(): void {
    this.whileAsleep();
    if (this.#called() !== undefined) return;
    const ticks = this.#distance();
    if (ticks === undefined) throw new Asleep();
    this.#machine.counter.count += ticks;
  }

  /** Ticks to the next timer of any CPU; undefined if none will fire. */
  #distance(): bigint | undefined {
    let least: bigint | undefined;
    for (const { timer } of this.#machine.cpus) least = sooner(least, timer.distance);
    return least;
  }

  /** Lets time pass, from timer to timer, each of which is taken when it fires. */
  advance(ticks: bigint): void {
    const { counter } = this.#machine;
    const end = counter.count + ticks;
    if (this.mode !== undefined) counter.count = end;
    this.settle();
    while (counter.count < end) {
      const next = this.#distance();
      counter.count = next === undefined || counter.count + next > end ? end : counter.count + next;
      this.settle();
    }
  }

  /** Settles until something is true; nothing happens any more: an error that says `what`. */
  until(what: string, isReached: () => boolean): void {
    for (let n = 0; !isReached(); n++) {
      const cpu = this.#called();
      if (cpu === undefined || n === STORM) throw new Error(`it does not come to this: ${what}`);
      this.take(cpu);
    }
  }

  /**
   * cpu.relax: the others may answer. They see the SGIs alone that are pending for them, since a CPU in the middle of an exit can be waiting for those;
   * the rest, and what they bring about, arrives when that exit is over, as it could on a board.
   */
  relax(): void {
    if (this.mode !== undefined) {
      this.mode.relax(this.acting);
      return;
    }
    const waiting = this.#waited;
    for (const cpu of this.#machine.cpus) {
      if (cpu.isInside) continue;
      cpu.interface.holdBack();
      if (cpu.isCalled) this.take(cpu);
      cpu.interface.letAll();
    }
    this.#waited = waiting + 1;
    if (this.#waited > NESTED && this.#depth > 1) throw new Entangled();
    this.wait(this.#waited);
  }

  /** A CPU has asked `times` times in its exit whether another one has answered. */
  wait(times: number, patience = PATIENCE): void {
    if (times > AT_ONCE) this.#machine.counter.count += this.#machine.counter.frequency / PART;
    if (times > patience) throw new Violation("the core waits for what never comes");
  }
}
