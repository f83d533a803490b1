// Systems in the machine's second mode, from the boot on, as a test describes them in a line.

import { createHash } from "node:crypto";
import { bundleOfSystem } from "../../sim/bundles.ts";
import type { Cpu } from "../../sim/cpu.ts";
import { PowerOff } from "../../sim/faults.ts";
import type { Guest } from "../../sim/guest.ts";
import { type Instruments, instrumentedCore } from "../../sim/instrument.ts";
import { Interleaved } from "../../sim/interleaved.ts";
import type { Machine } from "../../sim/machine.ts";
import { type Random, randomOf } from "../../sim/random.ts";
import { FDT_AT, load, type SystemStart } from "../../sim/start.ts";

export interface SecondModeOptions extends SystemStart {
  readonly seed: number;
  /** In place of core.wasm. */
  readonly core?: Uint8Array;
  readonly instruments?: Instruments;
  /** What a guest does; `vm`: whose it is. */
  readonly act: (guest: Guest, about: { readonly vm: number; readonly random: Random; readonly cpu: Cpu }) => void;
}

export interface SecondMode {
  readonly machine: Machine;
  readonly mode: Interleaved;
  /** Boots, and goes on for so many exits, or until the board is off: whether it is. */
  readonly run: (exits: number) => Promise<boolean>;
  /** What the core's memory has come to. */
  readonly digest: () => string;
}

export const secondMode = (options: SecondModeOptions): SecondMode => {
  const { seed, core, instruments, act, cpus = 1, machine: more = {}, board = {}, ...system } = options;
  const wasm = instrumentedCore({ points: true, ...instruments }, core);
  const machine = load({ machine: { cpus, ...more, wasm }, board, bundle: bundleOfSystem(system) });
  machine.run.timePasses = true;
  const random = randomOf(seed);
  const actOn = (cpu: Cpu): void => act(machine.guestOf(cpu.vcpu), { vm: cpu.stage2.vmid - 1, random, cpu });
  const mode = new Interleaved(machine, { seed, act: actOn });
  const run = async (exits: number): Promise<boolean> => {
    try {
      await mode.boot(BigInt(FDT_AT), 0n);
      await mode.until(() => machine.run.exits >= exits);
      return false;
    } catch (thrown) {
      if (!(thrown instanceof PowerOff)) throw thrown;
      return true;
    }
  };
  return { machine, mode, run, digest: () => createHash("sha256").update(machine.memory).digest("hex") };
};
