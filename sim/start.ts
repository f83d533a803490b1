// A run from the loader to the guest's first instruction, on a board and with a VM that a test describes in a line.

import { guest as guestMachine } from "../abi/guest.ts";
import { writeBundle } from "../tool/bundle.ts";
import { type LoadedRegion, type LoadedVm, placeVm } from "../tool/layout.ts";
import { MIB } from "../tool/size.ts";
import { type BoardOptions, boardTree } from "./board.ts";
import { Guest } from "./guest.ts";
import { DEFAULT_BANKS, Machine, type MachineOptions } from "./machine.ts";

export interface VmOptions {
  readonly name?: string;
  readonly memory?: number;
  readonly kernel?: Buffer;
  readonly initrd?: Buffer;
  readonly bootargs?: string;
  readonly regions?: readonly (Omit<LoadedRegion, "file"> & { readonly file?: Buffer })[];
  readonly scrubAtBoot?: boolean;
  readonly logLevels?: string;
}

/** Where the loader puts things, as QEMU does with -m 256. */
export const FDT_AT = 0x4800_0000;
export const BUNDLE_AT = 0x4a00_0000;

const payload = (path: string, bytes: Buffer): { path: string; bytes: Buffer } => ({ path, bytes });

export const bundleOf = (options: VmOptions = {}): Buffer => {
  const { name = "guest", memory = 16 * MIB, kernel = Buffer.from("kernel"), initrd, bootargs, regions = [] } = options;
  const vm: LoadedVm = {
    name,
    memory,
    kernel: payload("kernel", kernel),
    initrd: initrd && payload("initrd", initrd),
    bootargs,
    regions: regions.map(({ file, ...region }) => ({ ...region, file: file && payload("file", file) })),
  };
  const { scrubAtBoot = true, logLevels = "" } = options;
  return writeBundle({ scrubAtBoot, logLevels, vms: [placeVm(vm, "vms[0]")] });
};

let plain: Buffer | undefined;
/** The bundle of a VM that a test does not care about. */
const plainBundle = (): Buffer => {
  plain ??= bundleOf();
  return plain;
};

export interface StartOptions {
  readonly machine?: MachineOptions;
  readonly board?: Partial<BoardOptions>;
  readonly vm?: VmOptions;
  /** Workarounds that the firmware has, and what ARCH_FEATURES says of each. */
  readonly workarounds?: Iterable<readonly [id: bigint, answer: bigint]>;
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
  machine.ram.writeBytes(FDT_AT, fdt ?? boardTree({ banks: options.banks ?? DEFAULT_BANKS, initrd, ...board }));
  machine.ram.writeBytes(BUNDLE_AT, contents);
  return machine;
};

const boot = (machine: Machine, { fdtAt = BigInt(FDT_AT), flags = 0n }: StartOptions): Guest =>
  new Guest(machine, machine.core.boot(fdtAt, flags));

/** Boots; returns the guest at its first instruction. */
export const start = (options: StartOptions = {}): Guest => boot(load(options), options);

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

export const RAM_BASE = guestMachine.RAM_BASE;
