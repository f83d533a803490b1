// The scene of an attack: a hostile VM beside a healthy one, each on CPUs of its own or both on one CPU, and if need be a third VM that controls them.

import assert from "node:assert/strict";
import { vmFacts, vmStates } from "../../../abi/calls.ts";
import { severities } from "../../../abi/console.ts";
import type { VmOptions } from "../../../sim/bundles.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { type SystemStart, startSystem } from "../../../sim/start.ts";
import { call } from "../../unit/core/call.ts";
import { pieces } from "../../unit/core/console-output.ts";
import { ENTRY } from "./guests.ts";
import { Healthy } from "./healthy.ts";

/** Counts of the board's counter. */
export const MS = 62_500n;
const SECOND = 1000n * MS;

export const HOSTILE = 0;
export const HEALTHY = 1;
/** If the scene has one; further VMs are behind it, or in its place. */
export const CONTROLLER = 2;

/** "apart": each vCPU has a CPU of its own; "together": all VMs share one. */
export type Place = "apart" | "together";
export const places: readonly Place[] = ["apart", "together"];

export interface SceneOptions {
  readonly hostile?: VmOptions;
  readonly controller?: boolean;
  readonly more?: readonly VmOptions[];
  readonly system?: Omit<Partial<SystemStart>, "vms" | "cpus">;
}

/** Milliseconds that a vCPU waits for its turn at most, with the memory of others to be filled before. */
const PATIENCE = 2000;
/** Within so many it has had its turn if it runs at all. */
const TURN = 50;
const LINES_A_SECOND = 10;
/** A crash with its registers, and how often those are shown. */
const REGISTER_LINES = 13;
const SECONDS_BETWEEN_REGISTERS = 10;

export class Scene {
  readonly machine: Machine;
  readonly place: Place;
  readonly #healthy: Healthy;
  readonly #vms: readonly VmOptions[];
  /** Lines of the log at the start of the attack. */
  readonly #lines: number;
  readonly #start: bigint;

  constructor(place: Place, { hostile, controller = false, more = [], system = {} }: SceneOptions) {
    this.place = place;
    const vms: readonly VmOptions[] = [
      { name: "hostile", ...hostile },
      { name: "healthy" },
      ...(controller ? [{ name: "controller", controller: true }] : []),
      ...more.map((vm, n) => ({ name: `more${n}`, ...vm })),
    ];
    this.#vms = place === "together" ? vms : spread(vms);
    const cpus = place === "together" ? 1 : vms.reduce((sum, { vcpus = 1 }) => sum + vcpus, 0);
    this.machine = startSystem({ cpus, vms: this.#vms, ...system });
    this.#healthy = new Healthy("healthy", this.healthy);
    this.#lines = this.log.length;
    this.#start = this.machine.counter.count;
  }

  /** A vCPU, as soon as it has a CPU. */
  vcpu(vm: number, vcpu = 0): Guest {
    const found = this.turn(vm, vcpu);
    return found ?? assert.fail(`vCPU ${vcpu} of ${this.#vms[vm]?.name} does not come to run`);
  }
  /** Likewise; undefined if it does not come. */
  turn(vm: number, vcpu = 0, patience = PATIENCE): Guest | undefined {
    for (let waited = 0; waited < patience; waited++) {
      const found = this.machine.running(vm, vcpu);
      if (found !== undefined) return found;
      this.machine.run.advance(MS);
    }
    return undefined;
  }

  get hostile(): Guest {
    return this.vcpu(HOSTILE);
  }
  get healthy(): Guest {
    return this.vcpu(HEALTHY);
  }
  get controller(): Guest {
    return this.vcpu(CONTROLLER);
  }
  /** Switches all vCPUs of the hostile VM on. */
  startAll(): number[] {
    const { vcpus = 1 } = this.#vms[HOSTILE] ?? {};
    const numbers = Array.from({ length: vcpus }, (_, n) => n);
    for (const n of numbers.slice(1)) assert.equal(call(this.hostile, "PSCI_CPU_ON_64", n, ENTRY, 0), 0n);
    return numbers;
  }

  /** One of vmStates, as the controller sees it. */
  stateOf(vm: number): number {
    assert.equal(call(this.controller, "HL_VM_STATE", vm), 0n);
    return Number(this.controller.x(1));
  }
  /** How often a VM has crashed. */
  crashesOf(vm: number): bigint {
    this.stateOf(vm);
    return this.controller.x(2);
  }
  /** Bytes of RAM and pages for tables that nobody has. */
  get free(): bigint[] {
    return [vmFacts.VM_FACT_FREE_MEMORY, vmFacts.VM_FACT_FREE_TABLES].map((fact) => {
      assert.equal(call(this.controller, "HL_VM_FACT", fact), 0n);
      return this.controller.x(1);
    });
  }
  /** Waits until no work on a VM's memory is under way. */
  settle(vm: number): void {
    for (let n = 0; this.#isAtWork(vm); n++) {
      assert.ok(n < PATIENCE, "the work has an end");
      this.machine.run.advance(MS);
    }
  }
  #isAtWork(vm: number): boolean {
    const state = this.stateOf(vm);
    return state === vmStates.VM_LOADING || state === vmStates.VM_DESTROYING;
  }
  /** What the controller does to a VM, to its end. */
  control(what: "CREATE" | "START" | "PAUSE" | "RESUME" | "RESET" | "STOP" | "DESTROY", vm: number): void {
    assert.equal(call(this.controller, `HL_VM_${what}`, vm), 0n, what);
    this.settle(vm);
  }

  get log(): string[] {
    return pieces(this.machine.uart.output).flatMap(({ kind, text }) => (kind === "log" ? text : []));
  }

  /** Percent of the time of a CPU that a VM gets in the next `milliseconds`, whoever else runs. */
  shareOf(vm: number, milliseconds = 60): number {
    let had = 0;
    for (let n = 0; n < milliseconds; n++) {
      if (this.machine.cpus.some(({ vcpu, stage2 }) => vcpu !== 0 && stage2.vmid === vm + 1)) had++;
      this.machine.run.advance(MS);
    }
    return (100 * had) / milliseconds;
  }

  /** The attack is over: nobody else has noticed, and the log is readable. */
  end(): void {
    this.#checkLog();
    this.#healthy.check(this.healthy, () => this.machine.uart.output);
    this.#checkIsolation();
  }

  #checkLog(): void {
    const lines = this.log.slice(this.#lines);
    const seconds = Number((this.machine.counter.count - this.#start) / SECOND) + 1;
    for (const line of lines) {
      assert.ok(Number(line[1]) >= severities.WARNING, `above warning: ${line}`);
      assert.doesNotMatch(line, /^<\d>\[.*\] cpu\d+ vm1 /, "a line about the healthy VM");
    }
    const limit = (LINES_A_SECOND + 2) * (seconds + 1) + REGISTER_LINES * (seconds / SECONDS_BETWEEN_REGISTERS + 1);
    const about = lines.filter((line) => line.includes(" vm0 "));
    assert.ok(about.length <= limit, `${about.length} lines about the hostile VM in ${seconds} s`);
  }

  /** The two reach no memory in common. */
  #checkIsolation(): void {
    const own = this.healthy.leaves;
    for (const { output, size } of this.turn(HOSTILE, 0, TURN)?.leaves ?? []) {
      for (const other of own)
        assert.ok(output + size <= other.output || other.output + other.size <= output, "memory of the healthy VM");
    }
  }
}

/** Each vCPU a CPU of its own. */
const spread = (vms: readonly VmOptions[]): VmOptions[] => {
  let next = 0;
  return vms.map((vm) => {
    const affinity = Array.from({ length: vm.vcpus ?? 1 }, () => next++);
    return { affinity, ...vm };
  });
};
