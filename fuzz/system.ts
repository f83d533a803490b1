// The board and the systems that the fuzzers' inputs come to, the same natively and in the simulator.

import { boardTree } from "../sim/board.ts";
import { bundleOfSystem } from "../sim/bundles.ts";
import { DEFAULT_BANKS, type MachineOptions } from "../sim/machine.ts";
import { BUNDLE_AT } from "../sim/start.ts";
import { MIB } from "../tool/size.ts";

export const CPUS = 2;
/** What the loader says of the bundle's size, whatever the input is. */
export const BUNDLE_BYTES = 16 * MIB;

const WINDOW = { region: "common", readOnly: false };

/** Three VMs that share memory and doorbells; the first one controls the others. */
export const exitsBundle = (): Buffer =>
  bundleOfSystem({
    scrubAtBoot: false,
    shared: [{ name: "common", size: 2 * MIB }],
    doorbells: [
      ["vm0", "vm1"],
      ["vm1", "vm2"],
    ],
    vms: [
      { memory: 2 * MIB, vcpus: 2, controller: true, shared: [WINDOW], crashPolicy: "reset" },
      { memory: 4 * MIB, vcpus: 2, shared: [{ ...WINDOW, readOnly: true }], regions: [{ ipa: 0, size: 0x5000, readOnly: true }] },
      { memory: 2 * MIB, crashPolicy: "reset" },
    ],
  });

/** A bundle with something of everything that a manifest can say. */
export const bundleSeed = (): Buffer =>
  bundleOfSystem({
    scrubAtBoot: false,
    scheduler: { policy: "share", slice: 5000 },
    logLevels: "vgic=debug",
    shared: [{ name: "common", size: 2 * MIB }],
    doorbells: [["vm0", "vm1"]],
    vms: [
      { memory: 4 * MIB, vcpus: 2, controller: true, shared: [WINDOW], initrd: Buffer.from("initrd") },
      { memory: 2 * MIB, shared: [WINDOW], regions: [{ ipa: 0, size: 0x5000, readOnly: true, file: Buffer.from("file") }] },
    ],
  });

/** The length of what a bundle starts with: its manifest. */
export const manifestSize = (bundle: Buffer): number => bundle.readUInt32BE(4);

export const machineOptions: MachineOptions = { cpus: CPUS };

export const tree = (bytes: number): Buffer =>
  boardTree({ banks: DEFAULT_BANKS, initrd: { start: BUNDLE_AT, end: BUNDLE_AT + bytes }, cpus: CPUS });
