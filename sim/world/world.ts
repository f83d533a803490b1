// A world: a random system and its life, from one seed. What comes next is chosen by chance: a guest acts, time passes, the board's line brings input.
// The same seed is the same world, to the last exit, in whole exits or with CPUs that give way in the middle of them (interleaved.ts).

import { createHash } from "node:crypto";
import { bundleOfSystem } from "../bundles.ts";
import type { Cpu } from "../cpu.ts";
import { Entangled, PowerOff } from "../faults.ts";
import { instrumentedCore } from "../instrument.ts";
import { Interleaved } from "../interleaved.ts";
import type { Machine } from "../machine.ts";
import { once, oneOf, type Random, randomOf } from "../random.ts";
import { compileCore } from "../sanitizers/book.ts";
import { FDT_AT, load, type SystemStart } from "../start.ts";
import { bits } from "../words.ts";
import { takeAccount } from "./account.ts";
import type { Actor } from "./actor.ts";
import { act, isBusy } from "./agent.ts";
import { devicesIn, Outside } from "./devices.ts";
import { type Devices, devicesOf } from "./driver.ts";
import { randomSystem } from "./system.ts";

/** How exits of several CPUs lie in time: one after the other, or one in the middle of the other. */
export type WorldMode = "whole" | "inside";

/** How long a world lives, in exits. */
const LEAST = 20_000;
const MORE = 180_000;
/** More HAL calls in one exit than the longest takes. */
const CALLS = 1_000_000;
/** More of them than the account at the end takes. */
const ACCOUNT = 100 * CALLS;
/** Once in so many turns something comes from outside the guests. */
const OUTSIDE = 40;
/** What a guest does in a row ends once in so many acts in which it might go on: another CPU acts. */
const INTERRUPTED = 8;
/** So many steps without a guest that runs, some of them long: whoever waits, waits for nothing. */
const ASLEEP = 5000;
/** Ticks of 16 ns that pass in one go, at most. */
const TICKS = 100_000;
/** Bytes of input that nobody reads. */
const MUCH = 1000;
const INPUT = ["a", "ls\r", "\x011", "\x012", "\x01h", "\x1b[A", "\x00\xff", "0123456789abcdef0123456789abcdef"];

export interface WorldOptions {
  readonly seed: number;
  readonly mode?: WorldMode;
  /** In place of the random one. */
  readonly system?: SystemStart;
  /** In place of core.wasm: a core with a bug in it. */
  readonly core?: Uint8Array;
  /** Races are looked for (races.ts). */
  readonly races?: boolean;
}

/** How a world ends: its time is up, every VM is off, all that are not sleep for good, or whole exits cannot go on. */
export type End = "time" | "off" | "asleep" | "entangled";

export class World {
  readonly seed: number;
  readonly mode: WorldMode;
  readonly system: SystemStart;
  readonly machine: Machine;
  /** How long it lives, in exits. */
  readonly span: number;
  end: End = "time";
  /** At its end a controller has found all of its memory (account.ts). */
  isAccounted = false;
  readonly #random: Random;
  readonly #actors = new Map<number, Actor>();
  /** Of each VM. */
  readonly #devices: readonly Devices[];
  /** Of each VM, the addresses that can be reached from outside; and those of VMs that have run. */
  readonly #outward: readonly (readonly (readonly number[])[])[];
  readonly #reached = new Map<number, readonly (readonly number[])[]>();
  readonly #outsiders: Outside;
  readonly #interleaved: Interleaved | undefined;
  /** Steps in a row in which nobody ran. */
  #idle = 0;

  constructor({ seed, mode = "whole", system, core, races = false }: WorldOptions) {
    this.seed = seed;
    this.mode = mode;
    this.#random = randomOf(seed);
    this.system = system ?? randomSystem(this.#random);
    this.span = LEAST + this.#random(MORE);
    const { cpus = 1, machine: options, board = {}, workarounds = [], ...rest } = this.system;
    const wasm = this.#wasm(core, races);
    const machine = { cpus, ...options, ...(wasm && { wasm }) };
    this.machine = load({ machine, board, workarounds, bundle: bundleOfSystem(rest) });
    const all = rest.vms.map((vm) => devicesIn(rest, vm));
    const macs = all.flat().flatMap(({ mac }) => (mac === undefined ? [] : [mac]));
    this.#devices = all.map((devices) => devicesOf(devices, macs));
    this.#outward = all.map((devices) => devices.flatMap(({ mac, isOutward }) => (isOutward && mac !== undefined ? [mac] : [])));
    this.#outsiders = new Outside(this.machine, options?.virtio ?? []);
    this.#slowLine();
    if (mode === "inside") this.#interleaved = new Interleaved(this.machine, { seed, act: (cpu) => act(this.#actorOf(cpu)) });
  }

  #wasm(core: Uint8Array | undefined, races: boolean): WebAssembly.Module | undefined {
    const points = this.mode === "inside";
    if (points || races) return instrumentedCore({ points, accesses: races }, core);
    return core && compileCore(core);
  }

  /** While whole exits run one after the other, a CPU that waits for the line would keep those waiting that it lets in meanwhile. */
  #slowLine(): void {
    const may = this.mode === "inside" || this.machine.cpus.length === 1;
    if (may && once(this.#random, 4)) Object.assign(this.machine.uart, { outputDepth: 32, looksPerByte: 2 });
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
      devices: this.#devices[vm]!,
      plan: [],
      planned: 0,
      action: () => undefined,
      again: 0,
      taken: [],
    };
    this.#actors.set(cpu.vcpu, actor);
    this.#reached.set(vm, this.#outward[vm] ?? []);
    return actor;
  }

  #outside(): void {
    const { machine } = this;
    if (this.#outsiders.isThere && once(this.#random, 3)) this.#outsiders.act(this.#random, [...this.#reached.values()].flat());
    else this.#fromOutside();
    machine.run.settle();
  }

  #fromOutside(): void {
    const { machine } = this;
    switch (this.#random(8)) {
      case 0:
        if (machine.uart.waiting < MUCH) machine.uart.type(oneOf(this.#random, INPUT));
        break;
      case 1:
        machine.uart.transmit(this.#random(32));
        machine.uart.take();
        break;
      default:
        machine.run.advance(BigInt(this.#random(TICKS)));
    }
  }

  /** Returns false when nobody has run for so long that nobody will. */
  #isAlive(anybody: boolean): boolean {
    this.#idle = anybody || this.machine.cpus.some(({ vcpu, isInside }) => vcpu !== 0 || isInside) ? 0 : this.#idle + 1;
    return this.#idle < ASLEEP;
  }

  /** One of the CPUs that run a guest, if any does. */
  #running(): Cpu | undefined {
    const { cpus } = this.machine;
    const first = this.#random(cpus.length);
    for (let n = 0; n < cpus.length; n++) {
      const cpu = cpus[(first + n) % cpus.length]!;
      if (cpu.vcpu !== 0) return cpu;
    }
    return undefined;
  }

  #step(): boolean {
    const { machine } = this;
    const cpu = this.#running();
    // While nobody runs, time alone goes on.
    if (cpu === undefined || once(this.#random, OUTSIDE)) {
      machine.callLimit = machine.calls + CALLS;
      this.#outside();
      return this.#isAlive(cpu !== undefined);
    }
    const actor = this.#actorOf(cpu);
    do {
      machine.callLimit = machine.calls + CALLS;
      act(actor);
    } while (cpu.vcpu === actor.guest.vcpu && isBusy(actor) && !once(this.#random, INTERRUPTED));
    return this.#isAlive(true);
  }

  async #turn(interleaved: Interleaved): Promise<boolean> {
    const { machine } = this;
    machine.callLimit = machine.calls + CALLS;
    const someone = this.#random(OUTSIDE) !== 0 && (await interleaved.step());
    if (!someone) this.#outside();
    return this.#isAlive(someone);
  }

  async #live(exits: number): Promise<End> {
    const interleaved = this.#interleaved;
    if (interleaved === undefined) {
      this.machine.run.boot(BigInt(FDT_AT), 0n);
      this.machine.run.settle();
      while (this.exits < exits) if (!this.#step()) return "asleep";
      if (exits === this.span) this.#takeAccount();
    } else {
      await interleaved.boot(BigInt(FDT_AT), 0n);
      while (this.exits < exits) if (!(await this.#turn(interleaved))) return "asleep";
    }
    return "time";
  }

  #takeAccount(): void {
    const { vms } = this.system;
    this.machine.callLimit = this.machine.calls + ACCOUNT;
    const controllers = new Set(vms.flatMap(({ controller }, n) => (controller === true ? n : [])));
    this.isAccounted = controllers.size > 0 && takeAccount(this.machine, controllers, vms.length);
  }

  /** Lives from the boot to its end, or for so many exits. What breaks a rule of the machine is thrown. */
  async live(exits = this.span): Promise<void> {
    try {
      this.end = await this.#live(Math.min(exits, this.span));
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
