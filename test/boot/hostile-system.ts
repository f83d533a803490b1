// A Linux VM that works, and beside it all that is hostile: guests that try what no guest should and go off, one that makes and destroys a VM while that is
// rung, and two that attack until their repertoire is through (guests/hostile). Linux has as many shares as those that stay until the end have together.

import type { SystemConfig, VmConfig } from "../../tool/config.ts";

export const linuxName = "linux";

/** Pieces of 64 KiB that Linux digests and times (guests/linux/steady.c). */
const linux = (pieces: number): VmConfig => ({
  name: linuxName,
  memory: "96M",
  kernel: { debian: "linux-6.1" },
  initrd: {
    busybox: {
      programs: { steady: "linux/steady" },
      command: `steady ${pieces}; set -- $(head -1 /proc/stat); echo stolen $9; echo messages; dmesg; echo the end; poweroff -f`,
    },
  },
  bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
});

/** Sums up to the share of Linux, which is 100. */
const SHARES = { controller: 5, target: 15, leader: 45, follower: 35 };
/** Of each of those that go off. */
const SHORT_SHARE = 30;

const stage = { region: "stage", ipa: 0x1000_0000 };
const common = { region: "common", ipa: 0x1020_0000, readOnly: true };
const rom = { ipa: 0x2000_0000, size: "4K", readOnly: true };

/** `role`: as guests/hostile has it. */
const hostile = (role: string, rest: Partial<VmConfig> = {}): VmConfig => ({
  name: role,
  memory: "16M",
  kernel: "hostile.bin",
  bootargs: `role=${role}`,
  regions: [rom],
  shared: [stage, common],
  // In the order that guests/hostile/devices.ts knows.
  nets: [{ switch: "lan" }],
  disks: [{ disk: role }],
  devices: { entropy: true, console: true },
  ...rest,
});
/** What stands behind those devices: the attackers' own. */
const backing: Pick<SystemConfig, "switches" | "disks"> = {
  switches: [{ name: "lan" }],
  disks: ["leader", "follower"].map((name) => ({ name, size: "256K", writable: true })),
};

const leader = ({ skirmish, turn }: Schedule, rest: Partial<VmConfig> = {}): VmConfig =>
  hostile("leader", { vcpus: 2, crashPolicy: "reset", bootargs: `role=leader skirmish=${skirmish} turn=${turn}`, ...rest });

const shortLived = (name: string, guest: string, rest: Partial<VmConfig> = {}): VmConfig => ({
  name,
  memory: "16M",
  share: SHORT_SHARE,
  kernel: `${guest}.bin`,
  ...rest,
});

const peer = (name: "writer" | "reader"): VmConfig =>
  shortLived(name, "peers", {
    bootargs: `role=${name}`,
    shared: [{ region: "crossed", ipa: 0x1000_0000, readOnly: name === "reader" }],
  });

/** Milliseconds. */
export interface Schedule {
  /** How long turns are short: until Linux is at its work. */
  readonly skirmish: number;
  /** Of each attack that is measured. */
  readonly turn: number;
}

const hostiles = (schedule: Schedule): VmConfig[] => [
  {
    name: "controller",
    memory: "16M",
    share: SHARES.controller,
    kernel: "controller.bin",
    controller: true,
    bootargs: "run=loops times=12",
  },
  {
    name: "target",
    memory: "64M",
    share: SHARES.target,
    kernel: "spinner.bin",
    bootargs: "run=forever",
    autostart: false,
    shared: [{ region: "common", ipa: 0x1000_0000 }],
  },
  leader(schedule, { share: SHARES.leader }),
  hostile("follower", { share: SHARES.follower }),
  shortLived("wild", "wild", { memory: "64M", regions: [{ ...rom, file: "../../test/boot/systems/wild/rom.txt" }] }),
  shortLived("smp", "smp", { vcpus: 3, share: 100 }),
  peer("writer"),
  peer("reader"),
];

/** Linux alone on one CPU. */
export const alone = (pieces: number): SystemConfig => ({
  name: "alone",
  scheduler: { policy: "share" },
  vms: [linux(pieces)],
});

/** Linux beside the others, on one CPU with all of them, or on one of two that none of them may use. */
export const beside = (pieces: number, cpus: 1 | 2, schedule: Schedule): SystemConfig => ({
  name: "beside",
  board: { cpus },
  scheduler: { policy: "share" },
  logLevels: { vm: "debug" },
  ...backing,
  shared: ["stage", "common", "crossed"].map((name) => ({ name, size: "2M" })),
  doorbells: [
    ["leader", linuxName],
    ["leader", "follower"],
    ["leader", "target"],
    ["writer", "reader"],
  ],
  vms: [...hostiles(schedule).map((vm) => ({ ...vm, affinity: [cpus - 1] })), { ...linux(pieces), affinity: [0] }],
});

/** The attackers on one CPU, and on another one a guest that counts how often that is interrupted; both attackers have a doorbell to it. */
export const gauged = (schedule: Schedule): SystemConfig => ({
  name: "gauged",
  board: { cpus: 2 },
  ...backing,
  shared: ["stage", "common"].map((name) => ({ name, size: "2M" })),
  doorbells: [
    ["leader", "gauge"],
    ["follower", "gauge"],
    ["leader", "follower"],
  ],
  vms: [
    leader(schedule, { affinity: [1] }),
    hostile("follower", { affinity: [1] }),
    hostile("gauge", { affinity: [0], nets: [], disks: [], devices: {} }),
  ],
});
