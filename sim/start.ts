// A run from the loader to the guests' first instructions, on a board and with a system that a test describes in a line.

import { guest as guestMachine } from "../abi/guest.ts";
import { type BoardOptions, boardTree } from "./board.ts";
import { bundleOf, bundleOfSystem, type SystemOptions } from "./bundles.ts";
import type { Guest } from "./guest.ts";
import { affinityOf } from "./interrupts.ts";
import { DEFAULT_BANKS, Machine, type MachineOptions, mpidrsOf } from "./machine.ts";

/** Where the loader puts things, as QEMU does with -m 256. */
export const FDT_AT = 0x4800_0000;
export const BUNDLE_AT = 0x4a00_0000;
export const RAM_BASE = guestMachine.RAM_BASE;

let plain: Buffer | undefined;
/** The bundle of a VM that a test does not care about. */
const plainBundle = (): Buffer => {
  plain ??= bundleOf();
  return plain;
};

interface LoadOptions {
  readonly machine?: MachineOptions;
  readonly board?: Partial<BoardOptions>;
  /** Workarounds that the firmware has, and what ARCH_FEATURES says of each. */
  readonly workarounds?: Iterable<readonly [id: bigint, answer: bigint]>;
}

export interface StartOptions extends LoadOptions {
  readonly vm?: Parameters<typeof bundleOf>[0];
  /** In place of what `board` and `vm` describe. */
  readonly fdt?: Buffer;
  readonly bundle?: Buffer;
  /** x0 and x1 of the first call. */
  readonly fdtAt?: bigint;
  readonly flags?: bigint;
}

/** A machine as the loader leaves it. */
export const load = ({ machine: options = {}, board = {}, vm, workarounds = [], fdt, bundle }: StartOptions): Machine => {
  const machine = new Machine(options);
  for (const [id, answer] of workarounds) machine.firmware.workarounds.set(id, answer);
  const contents = bundle ?? (vm === undefined ? plainBundle() : bundleOf(vm));
  const initrd = { start: BUNDLE_AT, end: BUNDLE_AT + contents.length };
  const cpus = mpidrsOf(options).map(affinityOf);
  machine.ram.writeBytes(FDT_AT, fdt ?? boardTree({ banks: options.banks ?? DEFAULT_BANKS, initrd, cpus, ...board }));
  machine.ram.writeBytes(BUNDLE_AT, contents);
  machine.isolation.loadBundle(BUNDLE_AT, contents);
  return machine;
};

/** Boots a machine to its first guest's first instruction. Time passes by itself while nothing runs. */
export const boot = (
  machine: Machine,
  { fdtAt = BigInt(FDT_AT), flags = 0n }: Pick<StartOptions, "fdtAt" | "flags"> = {},
): Guest => {
  machine.run.timePasses = true;
  machine.run.boot(fdtAt, flags);
  machine.run.proceed();
  const guest = machine.cpus.map((cpu) => cpu.guest).find((one) => one !== undefined);
  if (guest === undefined) throw new Error("no guest runs");
  return guest;
};

/** One VM from the start; returns its first vCPU at its first instruction. */
export const start = (options: StartOptions = {}): Guest => boot(load(options), options);

export interface SystemStart extends LoadOptions, SystemOptions {
  /** How many CPUs the board has. */
  readonly cpus?: number;
}

/**
 * A system of several VMs from the start, on several CPUs, each VM as far as it comes without an event. What the guests do, and when time passes
 * (machine.run.advance), is the test's: machine.cpu(n).guest is the guest that CPU n runs now, machine.running(vm, vcpu) that vCPU, if it runs.
 */
export const startSystem = ({
  cpus = 1,
  machine: options = {},
  board = {},
  workarounds = [],
  ...system
}: SystemStart): Machine => {
  const machine = load({ machine: { cpus, ...options }, board, workarounds, bundle: bundleOfSystem(system) });
  machine.run.boot(BigInt(FDT_AT), 0n);
  machine.run.settle();
  return machine;
};

/** A run that ends: what it printed, and what it ended with. */
export const outputOf = (options: StartOptions, run: (guest: Guest) => void): { output: string; thrown: unknown } => {
  const machine = load(options);
  let thrown: unknown;
  try {
    run(boot(machine, options));
  } catch (error) {
    thrown = error;
  }
  return { output: machine.uart.output, thrown };
};
