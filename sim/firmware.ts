// The board's firmware, behind SMC: PSCI SYSTEM_OFF ends the run, CPU_ON starts CPUs (DEN0022, 5.6), the workarounds of the SMC Calling Convention
// (DEN0028, 7) exist as the model says.

import { callErrors } from "../abi/calls.ts";
import { callId } from "./call-ids.ts";
import { PowerOff } from "./faults.ts";
import { MASK_64 } from "./words.ts";

const SYSTEM_OFF = callId("PSCI_SYSTEM_OFF");
const CPU_ON = callId("PSCI_CPU_ON_64");
const ARCH_FEATURES = callId("SMCCC_ARCH_FEATURES");
const NOT_SUPPORTED = MASK_64;

/** A CPU as the firmware knows it. */
export interface Startable {
  /** MPIDR_EL1's affinity. */
  readonly affinity: bigint;
  power: "off" | "starting" | "on";
  /** What it enters the core with. */
  number: number;
}

export class Firmware {
  readonly #cpus: readonly Startable[];
  /** What ARCH_FEATURES answers, by function; the rest is not supported. */
  readonly workarounds = new Map<bigint, bigint>();
  /** What CPU_ON answers in place of starting a CPU, by affinity: an error of DEN0022, 5.2.2. */
  readonly broken = new Map<bigint, number>();
  /** Every call so far: function and arguments. */
  readonly calls: bigint[][] = [];

  constructor(cpus: readonly Startable[]) {
    this.#cpus = cpus;
  }

  call(id: bigint, a: bigint, b: bigint, c: bigint): bigint {
    this.calls.push([id, a, b, c]);
    if (id === SYSTEM_OFF) throw new PowerOff();
    if (id === ARCH_FEATURES) return this.workarounds.get(a) ?? NOT_SUPPORTED;
    return this.workarounds.has(id) ? 0n : NOT_SUPPORTED;
  }

  /** CPU_ON of the CPU with this affinity, which then enters the core as `number`. */
  start(affinity: bigint, number: number): bigint {
    this.calls.push([CPU_ON, affinity, BigInt(number)]);
    return BigInt.asUintN(64, BigInt(this.broken.get(affinity) ?? this.#start(affinity, number)));
  }

  #start(affinity: bigint, number: number): number {
    const cpu = this.#cpus.find((one) => one.affinity === affinity);
    if (cpu === undefined) return callErrors.INVALID_PARAMETERS;
    if (cpu.power === "on") return callErrors.ALREADY_ON;
    if (cpu.power === "starting") return callErrors.ON_PENDING;
    cpu.power = "starting";
    cpu.number = number;
    return callErrors.SUCCESS;
  }
}
