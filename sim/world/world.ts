// A world: a random system and its life, from one seed. What comes next is chosen by chance: a guest acts, time passes, the board's line brings input.
// The same seed is the same world, to the last exit.

import { createHash } from "node:crypto";
import type { Cpu } from "../cpu.ts";
import { Entangled, PowerOff } from "../faults.ts";
import type { Machine } from "../machine.ts";
import { once, oneOf, type Random, randomOf } from "../random.ts";
import { type SystemStart, startSystem } from "../start.ts";
import { bits } from "../words.ts";
import { type Actor, act } from "./agent.ts";
import { randomSystem } from "./system.ts";

/** How long a world lives, in exits. */
const LEAST = 20_000;
const MORE = 180_000;
/** More HAL calls in one exit than the longest takes. */
const CALLS = 1_000_000;
/** Once in so many steps something comes from outside the guests. */
const OUTSIDE = 40;
/** So many steps without a guest that runs, some of them long: whoever waits, waits for nothing. */
const ASLEEP = 5000;
/** Ticks of 16 ns that pass in one go, at most. */
const TICKS = 100_000;
/** Bytes of input that nobody reads. */
const MUCH = 1000;
const INPUT = ["a", "ls\r", "\x011", "\x012", "\x01h", "\x1b[A", "\x00\xff", "0123456789abcdef0123456789abcdef"];

export class World {
  readonly seed: number;
  readonly system: SystemStart;
  readonly machine: Machine;
  /** How it ended: its time was up, every VM was off, all that were not slept for good, or whole exits could not go on. */
  end: "time" | "off" | "asleep" | "entangled" = "time";
  /** Steps in a row in which nobody ran. */
  #idle = 0;
  readonly #random: Random;
  readonly #actors = new Map<number, Actor>();
  /** How long it lives, in exits. */
  readonly span: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#random = randomOf(seed);
    this.system = randomSystem(this.#random);
    this.span = LEAST + this.#random(MORE);
    this.machine = startSystem(this.system);
    // While whole exits run one after the other, a CPU that waits for the line would keep those waiting that it lets in meanwhile.
    if (this.machine.cpus.length === 1 && once(this.#random, 4))
      Object.assign(this.machine.uart, { outputDepth: 32, looksPerByte: 10 });
  }

  get exits(): number {
    return this.machine.run.exits;
  }

  #actorOf(cpu: Cpu): Actor {
    const known = this.#actors.get(cpu.vcpu);
    if (known !== undefined) return known;
    const vm = cpu.stage2.vmid - 1;
    const actor = {
      guest: this.machine.guestOf(cpu.vcpu),
      random: this.#random,
      vm,
      vcpu: bits(cpu.registers.read("VMPIDR_EL2"), 7, 0),
      vms: this.system.vms.length,
      isController: this.system.vms[vm]?.controller === true,
      plan: [],
      taken: [],
    };
    this.#actors.set(cpu.vcpu, actor);
    return actor;
  }

  #outside(): void {
    const { machine } = this;
    switch (this.#random(8)) {
      case 0:
        if (machine.uart.waiting < MUCH) machine.uart.type(oneOf(this.#random, INPUT));
        machine.run.settle();
        break;
      case 1:
        machine.uart.transmit(this.#random(32));
        machine.uart.take();
        machine.run.settle();
        break;
      default:
        machine.run.advance(BigInt(this.#random(TICKS)));
    }
  }

  /** Returns false when nobody has run for so long that nobody will. */
  #step(): boolean {
    const { machine } = this;
    machine.callLimit = machine.calls + CALLS;
    const cpu = oneOf(this.#random, machine.cpus);
    // While nobody runs, time alone goes on.
    if (cpu.vcpu === 0 || this.#random(OUTSIDE) === 0) this.#outside();
    else act(this.#actorOf(cpu));
    this.#idle = cpu.vcpu !== 0 || machine.cpus.some(({ vcpu }) => vcpu !== 0) ? 0 : this.#idle + 1;
    return this.#idle < ASLEEP;
  }

  /** Lives to its end, or for so many exits. */
  run(exits = this.span): void {
    try {
      while (this.exits < exits) {
        if (this.#step()) continue;
        this.end = "asleep";
        return;
      }
    } catch (thrown) {
      if (thrown instanceof PowerOff) this.end = "off";
      else if (thrown instanceof Entangled) this.end = "entangled";
      else throw thrown;
    }
  }

  /** What the core's memory has come to: two runs of the same world have the same. */
  get digest(): string {
    return createHash("sha256").update(this.machine.memory).digest("hex").slice(0, 16);
  }
}
