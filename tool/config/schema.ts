// What a configuration may say, setting by setting: the rules that a value obeys by itself, its default, and the sentence that an editor
// shows for it. What settings mean together is checked in tool/config/check.ts, what depends on files in tool/layout.ts.

import { z } from "zod";
import { bundle } from "../../abi/bundle.ts";
import { logModules } from "../../abi/console.ts";
import { guest } from "../../abi/guest.ts";
import { layout } from "../../abi/layout.ts";
import { virtioBlock } from "../../abi/virtio.ts";
import { parseSize } from "../size.ts";
import {
  BOOTARGS_MAX,
  isBoardMemory,
  levelNames,
  MEMORY_MAX,
  MEMORY_MIN,
  MEMORY_UNIT,
  PAGE,
  valueRules as rule,
  TABLE_QUOTA_MAX,
} from "./rules.ts";

/** Fetches or makes a file, and returns its path. */
export type FileFunction = () => string | Promise<string>;

/** An object of these settings and no others; `words` say what it must be. */
const settings = <Shape extends z.core.$ZodLooseShape>(shape: Shape, words: string) =>
  z.strictObject(shape, { error: (issue) => (issue.code === "unrecognized_keys" ? rule.UNKNOWN : words) });

const whole = (min: number, max: number, words: string) => z.int(words).min(min, words).max(max, words);
const choice = <const T extends readonly string[]>(values: T, words: string) => z.enum(values, words);
const flag = (usual: boolean) => z.boolean(rule.BOOLEAN).default(usual);

const name = z
  .string(rule.NAME)
  .max(bundle.MAX_NAME, rule.NAME)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, { error: rule.NAME, abort: true });

/** Bytes: a number, or a text such as "128M". */
const size = z
  .union([z.int(rule.SIZE).min(0, rule.SIZE), z.string().regex(/^\d+[KMG]?$/, rule.SIZE)], rule.SIZE)
  .transform((value, context) => {
    const bytes = typeof value === "string" ? parseSize(value) : value;
    if (bytes !== undefined) return bytes;
    context.addIssue({ code: "custom", message: rule.SIZE });
    return z.NEVER;
  });

const SLICE_UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

/** Microseconds: a number, or a text such as "5ms". */
const slice = z
  .union([whole(bundle.MIN_SLICE, bundle.MAX_SLICE, rule.SLICE), z.string().regex(/^\d+(us|ms|s)$/, rule.SLICE)], rule.SLICE)
  .transform((value) =>
    typeof value === "number" ? value : Number.parseInt(value, 10) * SLICE_UNITS[value.replace(/^\d+/, "")]!,
  )
  .refine((microseconds) => microseconds >= bundle.MIN_SLICE && microseconds <= bundle.MAX_SLICE, rule.SLICE);

const pages = size.refine((bytes) => bytes > 0 && bytes % PAGE === 0, rule.PAGES);
const ipa = z
  .int(rule.IPA)
  .min(0, rule.IPA)
  .max(guest.IPA_LIMIT - 1, rule.IPA)
  .multipleOf(PAGE, rule.IPA);

const path = (words: string) => z.string(words).min(1, words);
/** Not possible in JSON. */
const made = z.custom<FileFunction>((value) => typeof value === "function");

const kernel = z.union(
  [
    path(rule.KERNEL),
    settings(
      {
        debian: choice(["linux-6.1", "linux-6.12", "u-boot"], rule.DEBIAN).describe(
          "Debian's own build for arm64, fetched once.",
        ),
      },
      rule.KERNEL,
    ),
    made,
  ],
  rule.KERNEL,
);

const busybox = settings(
  {
    command: z.string(rule.COMMAND).optional().describe("What the shell runs in place of talking to the terminal."),
    programs: z
      .record(z.string().regex(/^(?!\.{1,2}$)[!-.0-~]{1,255}$/), path(rule.PROGRAMS), {
        error: (issue) => (issue.code === "invalid_key" ? rule.PROGRAM_NAME : rule.PROGRAMS),
      })
      .optional()
      .describe("Programs beside busybox: the file of each by its name in /bin."),
    modules: z
      .array(z.string(rule.MODULES).regex(/^[\w-]+$/, rule.MODULES), rule.MODULES)
      .optional()
      .describe("Modules of the VM's kernel, which is Debian's, that are inserted before the shell starts, and what they need."),
    packages: z
      .array(z.string(rule.PACKAGES).regex(/^[a-z0-9][a-z0-9.+-]*[a-z0-9+]$/, rule.PACKAGES), rule.PACKAGES)
      .optional()
      .describe("Debian packages for arm64, and the shared libraries that their programs need; fetched once."),
  },
  rule.BUSYBOX,
);

const initrd = z.union(
  [
    path(rule.INITRD),
    settings(
      {
        busybox: z
          .union([z.literal(true), busybox], rule.BUSYBOX)
          .describe("A static busybox (Debian's, fetched once) and an init that ends in a shell on the console."),
      },
      rule.INITRD,
    ),
    made,
  ],
  rule.INITRD,
);

const file = z.union([path(rule.FILE), made], rule.FILE);

const region = settings(
  {
    ipa: ipa.describe("Where the VM sees it: an address in its memory map, a multiple of 4 KiB."),
    size: pages.describe("A multiple of 4 KiB."),
    readOnly: flag(false).describe("The VM may read and execute it, but not write."),
    file: file.optional().describe("What it holds when the VM starts; zeros behind the end of the file, or without one."),
  },
  rule.REGION,
);

const shareOfVm = settings(
  {
    region: z.string(rule.NAME).describe("The name of a region of the system's `shared`."),
    ipa: ipa.optional().describe("Where the VM sees it; by default each region has an address of its own, the same in all VMs."),
    readOnly: flag(false).describe("The VM may read it, but not write."),
  },
  rule.SHARE_OF_VM,
);

const mac = z
  .string(rule.MAC)
  .regex(/^[\da-fA-F]{2}(:[\da-fA-F]{2}){5}$/, { error: rule.MAC, abort: true })
  .refine((text) => (Number.parseInt(text, 16) & 1) === 0 && !/^[0:]+$/.test(text), rule.MAC);

const RATE_UNITS: Readonly<Record<string, number>> = { kbit: 1e3, Mbit: 1e6, Gbit: 1e9 };

/** Bytes a second, of a text such as "100Mbit". */
const rate = z
  .string(rule.RATE)
  .regex(/^\d{1,7}(kbit|Mbit|Gbit)$/, { error: rule.RATE, abort: true })
  .transform((text) => (Number.parseInt(text, 10) * RATE_UNITS[text.replace(/^\d+/, "")]!) / 8)
  .refine((bytes) => bytes >= bundle.MIN_RATE && bytes <= bundle.MAX_RATE, rule.RATE);

const netOfVm = settings(
  {
    switch: z.string(rule.NAME).describe("The name of one of the system's `switches`."),
    mac: mac.optional().describe('Its address, such as "02:00:00:00:00:01"; by default one that follows from the VM\'s name.'),
    rate: rate.optional().describe('The most that it may send, such as "100Mbit"; by default there is no limit.'),
  },
  rule.NET_OF_VM,
);

const serial = z.string(rule.SERIAL).regex(/^[ -~]{1,20}$/, rule.SERIAL);

const diskOfVm = settings(
  {
    disk: z.string(rule.NAME).describe("The name of one of the system's `disks`."),
    readOnly: z.boolean(rule.BOOLEAN).optional().describe("The VM may not write; by default it may if the disk is writable."),
    serial: serial.optional().describe("What the driver is told as its serial number; by default the name of the disk."),
  },
  rule.DISK_OF_VM,
);

const memory = size
  .refine((bytes) => bytes >= MEMORY_MIN, { error: rule.MEMORY_MIN, abort: true })
  .refine((bytes) => bytes % MEMORY_UNIT === 0, { error: rule.MEMORY_UNIT, abort: true })
  .refine((bytes) => bytes <= MEMORY_MAX, rule.MEMORY_MAX);

const affinity = z
  .array(whole(0, layout.MAX_CPUS - 1, rule.AFFINITY_CPU), rule.AFFINITY)
  .min(1, rule.AFFINITY)
  .refine((cpus) => new Set(cpus).size === cpus.length, rule.AFFINITY);

const bootargs = z
  .string(rule.BOOTARGS)
  .refine((value) => Buffer.byteLength(value) <= BOOTARGS_MAX && !value.includes("\0"), rule.BOOTARGS);

const vmSchema = settings(
  {
    name: name.describe("What the console, the log and the other VMs call it."),
    memory: memory.describe("RAM, at 0x40000000: a multiple of 2 MiB, at least 16 MiB."),
    vcpus: whole(1, bundle.MAX_VCPUS, rule.VCPUS).default(1).describe("Its virtual CPUs."),
    priority: whole(0, bundle.MAX_PRIORITY, rule.PRIORITY)
      .default(8)
      .describe("The highest that can run does, under the policy `priority`; those of the same take turns."),
    affinity: affinity.optional().describe("The CPUs of the board that it may run on; by default all."),
    share: whole(1, bundle.MAX_SHARE, rule.SHARE)
      .default(100)
      .describe("How much CPU time it gets in proportion to others, under the policy `share`."),
    cap: whole(1, 100 * bundle.MAX_VCPUS, rule.CAP)
      .optional()
      .describe("The most CPU time that it gets, in percent of one CPU; by default there is no limit."),
    kernel: kernel.describe("An arm64 `Image`, an ELF64 executable for AArch64, or a raw binary."),
    kernelLoad: size
      .refine((bytes) => bytes % PAGE === 0, rule.KERNEL_LOAD)
      .optional()
      .describe(
        "Where the kernel goes, as an offset from the base of RAM: by default 2 MiB for an Image, 512 KiB for a raw binary.",
      ),
    initrd: initrd.optional().describe("The initial RAM disk."),
    bootargs: bootargs.optional().describe("The kernel's command line."),
    devices: settings(
      {
        uart: flag(true).describe("The PL011 is in the device tree."),
        rtc: flag(true).describe("The PL031 is in the device tree."),
        entropy: flag(false).describe("A virtio entropy device: random bytes of the hypervisor's own generator."),
        console: flag(false).describe("Port 0 of a virtio console is the VM's console, beside the UART."),
      },
      rule.DEVICES,
    )
      .prefault({})
      .describe("Its devices. UART and clock answer whether the device tree names them or not."),
    regions: z
      .array(region, rule.REGIONS)
      .max(bundle.MAX_REGIONS, rule.REGIONS_MAX)
      .default([])
      .describe("Memory beside the RAM."),
    shared: z
      .array(shareOfVm, rule.SHARES)
      .max(bundle.MAX_SHARES_OF_VM, rule.SHARES)
      .default([])
      .describe("Regions of the system's `shared` that it sees."),
    nets: z
      .array(netOfVm, rule.NETS_OF_VM)
      .default([])
      .describe("Virtio network devices, each a port of one of the system's `switches`."),
    disks: z.array(diskOfVm, rule.DISKS_OF_VM).default([]).describe("Virtio block devices, each on one of the system's `disks`."),
    crashPolicy: choice(["stop", "reset", "stop-all"], rule.CRASH_POLICY)
      .default("stop")
      .describe("What follows when it crashes: it stops, it is reset, or the run ends."),
    autostart: flag(true).describe("It starts with the system."),
    controller: flag(false).describe("It may start, pause, reset, stop and destroy VMs by hypercalls."),
    timeOnPause: choice(["stop", "run"], rule.TIME_ON_PAUSE)
      .default("stop")
      .describe("Whether its clock stops or runs on while it is paused."),
    tableQuota: whole(1, TABLE_QUOTA_MAX, rule.TABLE_QUOTA)
      .default(1024)
      .describe("The most pages of 4 KiB that its stage-2 tables may take."),
  },
  rule.VM,
);

/** By module of the core. */
export const logLevels = z.partialRecord(z.enum(logModules), choice(levelNames, rule.LOG_LEVEL), {
  error: (issue) => ("keys" in issue ? rule.LOG_MODULE : rule.LOG_LEVELS),
});

const board = settings(
  {
    cpus: whole(1, layout.MAX_CPUS, rule.BOARD_CPUS).default(1).describe("How many CPUs it has."),
    memory: size.refine(isBoardMemory, rule.BOARD_MEMORY).prefault("1G").describe("How much RAM it has, whole MiB."),
  },
  rule.BOARD,
);

const scheduler = settings(
  {
    policy: choice(["priority", "share"], rule.POLICY)
      .default("priority")
      .describe("By fixed priorities, round robin within one; or in proportion to shares."),
    slice: slice.prefault("5ms").describe('How long a vCPU runs while others wait, such as "5ms"; a number is microseconds.'),
  },
  rule.SCHEDULER,
);

const sharedRegion = settings(
  { name: name.describe("What the VMs call it."), size: pages.describe("A multiple of 4 KiB.") },
  rule.SHARED,
);

const sectors = size.refine((bytes) => bytes % virtioBlock.SECTOR === 0, rule.SECTORS);

const sectorsOfDisk = sectors.refine((bytes) => bytes > 0, rule.SECTORS);

const boardDisk = settings(
  {
    serial: serial.describe("Its serial number, by which it is known."),
    image: path(rule.FILE).optional().describe("The file that `hyper-lite run` has QEMU take for it: raw, and written to."),
    size: sectorsOfDisk.optional().describe("How large `image` is made where there is no such file."),
  },
  rule.BOARD_DISK,
);

const disk = settings(
  {
    name: name.describe("What VMs call it."),
    file: file.optional().describe("What is on it; it goes into the bundle."),
    board: boardDisk.optional().describe("In place of a file: a slice of one of the board's disks."),
    start: sectors.optional().describe("Where the slice begins, a multiple of 512 bytes; by default 0."),
    size: sectorsOfDisk
      .optional()
      .describe("By default that of the file, or the rest of the board's disk. Zeros behind the end of the file."),
    writable: flag(false).describe(
      "VMs may write to it. With a file it lies in RAM: what is written is kept until the run ends, and the file stays as it was.",
    ),
  },
  rule.DISK,
);

const virtualSwitch = settings(
  {
    name: name.describe("What VMs call it."),
    capture: size
      .refine((bytes) => bytes >= PAGE && bytes <= bundle.MAX_CAPTURE && bytes % PAGE === 0, rule.CAPTURE)
      .optional()
      .describe("How much RAM keeps the packets that it has carried last; by default none."),
    uplink: z
      .union([z.literal(true), settings({ mac: mac.describe("The address of that device.") }, rule.UPLINK)], rule.UPLINK)
      .optional()
      .describe("A network device of the board is one of its ports: any, or the one with this address."),
  },
  rule.SWITCH,
);

const pipe = settings(
  {
    name: name.describe("What the driver of either VM calls its port."),
    between: z
      .array(z.string(rule.PIPE_ENDS), rule.PIPE_ENDS)
      .min(1, rule.PIPE_ENDS)
      .max(2, rule.PIPE_ENDS)
      .describe("The names of two VMs; or of one: the other end is a console device of the board."),
  },
  rule.PIPE,
);

export const systemSchema = settings(
  {
    $schema: z
      .string(rule.SCHEMA)
      .optional()
      .describe("Where an editor finds the JSON Schema of this file (`hyper-lite schema`)."),
    name: name.optional().describe("By default the name of the folder that the configuration lies in."),
    board: board.prefault({}).describe("The board that the system is made for; `hyper-lite run` has QEMU make such a one."),
    scheduler: scheduler.prefault({}).describe("How VMs share the CPUs."),
    scrubAtBoot: flag(true).describe("Whether RAM that nobody had yet is cleared before a VM gets it."),
    logLevels: logLevels.default({}).describe('The least severity that each module of the core logs: { vgic: "debug" }.'),
    shared: z
      .array(sharedRegion, rule.SHARED_LIST)
      .max(bundle.MAX_SHARED, rule.SHARED_LIST)
      .default([])
      .describe("Regions of memory that VMs share."),
    disks: z
      .array(disk, rule.DISKS)
      .max(bundle.MAX_DISKS, rule.DISKS)
      .default([])
      .describe("Disks, which VMs have as block devices."),
    switches: z
      .array(virtualSwitch, rule.SWITCHES)
      .max(bundle.MAX_SWITCHES, rule.SWITCHES)
      .default([])
      .describe("Virtual switches, which VMs are connected to by network devices."),
    pipes: z
      .array(pipe, rule.PIPES)
      .max(bundle.MAX_PIPES, rule.PIPES)
      .default([])
      .describe("Streams of bytes, both ways, between ports of the virtio consoles of two VMs."),
    doorbells: z
      .array(z.tuple([z.string(rule.DOORBELL), z.string(rule.DOORBELL)], rule.DOORBELL), rule.DOORBELLS)
      .default([])
      .describe("Pairs of VMs that can interrupt each other."),
    vms: z.array(vmSchema, rule.VMS).min(1, rule.VMS_EMPTY).max(bundle.MAX_VMS, rule.VMS_MAX).describe("The VMs, at most 64."),
  },
  rule.SYSTEM,
);

export type SystemConfig = z.input<typeof systemSchema>;
export type VmConfig = z.input<typeof vmSchema>;
export type System = z.output<typeof systemSchema>;
export type Vm = z.output<typeof vmSchema>;
export type Region = z.output<typeof region>;
export type Disk = z.output<typeof disk>;
export type Board = z.output<typeof board>;
export type LogLevels = z.output<typeof logLevels>;
/** How a configuration names a file: a path relative to it, one of the forms that JSON can say as well, or a function. */
export type FileSource = z.output<typeof kernel> | z.output<typeof initrd> | z.output<typeof file>;
export type KernelSource = z.output<typeof kernel>;
export type DebianFile = Extract<KernelSource, { debian: string }>["debian"];
export type BusyboxOptions = z.output<typeof busybox>;
