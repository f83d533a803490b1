// The board and the systems that the fuzzers' inputs come to, the same natively and in the simulator.

import { boardTree } from "../sim/board.ts";
import { bundleOfSystem } from "../sim/bundles.ts";
import { DEFAULT_BANKS, type MachineOptions } from "../sim/machine.ts";
import { BUNDLE_AT } from "../sim/start.ts";
import { MIB } from "../tool/size.ts";
import { boardDevices, DISK_SERIAL } from "./board-devices.ts";
import { macAt, type Target } from "./format.ts";

export const CPUS = 2;
/** What the loader says of the bundle's size, whatever the input is. */
export const BUNDLE_BYTES = 16 * MIB;

const WINDOW = { region: "common", readOnly: false };

/** Disks, each of its own kind, and switches, the second of which leads outside. */
const DEVICES = {
  disks: [
    { name: "copied", file: Buffer.alloc(0x3000, "file"), size: 0x8000, writable: true },
    { name: "files", file: Buffer.alloc(0x3000, "file") },
    { name: "slice", board: { serial: DISK_SERIAL }, start: 0x1000, size: 0x4_0000, writable: true },
    { name: "rest", board: { serial: DISK_SERIAL }, start: 0x4_1000 },
  ],
  switches: [
    { name: "lan", capture: 0x2000 },
    { name: "out", uplink: true as const },
  ],
  pipes: [
    { name: "one", between: ["vm0", "vm1"] },
    { name: "other", between: ["vm1", "vm2"] },
    { name: "host", between: ["vm0"] },
  ],
};
const ALL = { entropy: true, console: true };

/**
 * Three VMs that share memory, doorbells and switches; the first one controls the others. Each of the first two has
 * a CPU from the start, the third one when one of them waits. A VM's virtio devices lie in this order: nets, disks, entropy, console.
 */
export const exitsBundle = (): Buffer =>
  bundleOfSystem({
    ...DEVICES,
    scrubAtBoot: false,
    shared: [{ name: "common", size: 2 * MIB }],
    doorbells: [
      ["vm0", "vm1"],
      ["vm1", "vm2"],
    ],
    vms: [
      {
        memory: 2 * MIB,
        vcpus: 2,
        affinity: [0],
        controller: true,
        shared: [WINDOW],
        crashPolicy: "reset",
        nets: [{ switch: "lan", mac: macAt(0, 0) }],
        disks: [{ disk: "copied" }, { disk: "slice" }],
        devices: ALL,
      },
      {
        memory: 4 * MIB,
        vcpus: 2,
        affinity: [1],
        shared: [{ ...WINDOW, readOnly: true }],
        regions: [{ ipa: 0, size: 0x5000, readOnly: true }],
        nets: [
          { switch: "lan", mac: macAt(1, 0) },
          { switch: "out", mac: macAt(1, 1) },
        ],
        disks: [{ disk: "slice" }, { disk: "files" }],
      },
      {
        memory: 2 * MIB,
        priority: 7,
        crashPolicy: "reset",
        nets: [
          { switch: "lan", mac: macAt(2, 0), rate: 1000 },
          { switch: "out", mac: macAt(2, 1) },
        ],
        disks: [{ disk: "rest" }, { disk: "copied", readOnly: true }],
      },
    ],
  });

/** A bundle with something of everything that a manifest can say. */
export const bundleSeed = (): Buffer =>
  bundleOfSystem({
    ...DEVICES,
    pipes: DEVICES.pipes.filter(({ between }) => !between.includes("vm2")),
    scrubAtBoot: false,
    scheduler: { policy: "share", slice: 5000 },
    logLevels: "vgic=debug",
    shared: [{ name: "common", size: 2 * MIB }],
    doorbells: [["vm0", "vm1"]],
    vms: [
      {
        memory: 4 * MIB,
        vcpus: 2,
        controller: true,
        shared: [WINDOW],
        initrd: Buffer.from("initrd"),
        nets: [{ switch: "lan", rate: 1000 }, { switch: "out" }],
        disks: [{ disk: "copied" }, { disk: "slice", serial: "HL-1" }],
        devices: ALL,
      },
      {
        memory: 2 * MIB,
        shared: [WINDOW],
        regions: [{ ipa: 0, size: 0x5000, readOnly: true, file: Buffer.from("file") }],
        nets: [{ switch: "lan", mac: macAt(1, 0) }],
        disks: [{ disk: "files" }, { disk: "copied", readOnly: true }],
      },
    ],
  });

/** The length of what a bundle starts with: its manifest. */
export const manifestSize = (bundle: Buffer): number => bundle.readUInt32BE(4);

/** A device tree may lie about the board: where that is the input, there are no devices that what is wrong would be done to. */
export const machineOptionsOf = (target: Target): MachineOptions => ({
  cpus: CPUS,
  ...(target !== "fdt" && { virtio: boardDevices }),
});

export const tree = (bytes: number): Buffer =>
  boardTree({ banks: DEFAULT_BANKS, initrd: { start: BUNDLE_AT, end: BUNDLE_AT + bytes }, cpus: CPUS });
