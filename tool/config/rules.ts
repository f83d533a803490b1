// Every rule that a configuration can break, in the words that the user reads behind the place: `vms[1].memory: must be …`. The tests
// hold that each rule here has a mistake that shows it, and that no message is said that is not here.

import { bundle } from "../../abi/bundle.ts";
import { logModules, severities } from "../../abi/console.ts";
import { guest } from "../../abi/guest.ts";
import { layout } from "../../abi/layout.ts";
import { formatSize, hex, KIB, MIB } from "../size.ts";

export const MEMORY_UNIT = 2 * MIB;
export const MEMORY_MIN = 16 * MIB;
export const MEMORY_MAX = guest.IPA_LIMIT - guest.RAM_BASE;
export const PAGE = 4 * KIB;
/** Linux keeps 2,048 bytes of a command line, the NUL among them. */
export const BOOTARGS_MAX = 2047;
/** More pages than the hypervisor's own memory has. */
export const TABLE_QUOTA_MAX = layout.HYP_SIZE / PAGE;
/** What the core's map of frames covers (src/mmu/frames.ts). */
export const BOARD_MEMORY_MAX = 64 * 1024 * MIB;

/** What a board may have, in the configuration and on the command line. */
export const isBoardMemory = (bytes: number): boolean =>
  bytes >= layout.BOARD_RAM_MIN && bytes <= BOARD_MEMORY_MAX && bytes % MIB === 0;

export const levelNames = Object.keys(severities).map((name) => name.toLowerCase()) as Lowercase<keyof typeof severities>[];

const oneOf = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(", ");
const number = (min: number, max: number): string => `must be a whole number from ${min} to ${max}`;
const must = (what: string) => `must be ${what}`;

/** Rules that a value breaks by itself. */
export const valueRules = {
  SYSTEM: must("what defineSystem({ … }) returns"),
  UNKNOWN: "unknown setting",
  SCHEMA: must("a text: where the JSON Schema of this file is"),
  NAME: `must be 1 to ${bundle.MAX_NAME} letters, digits, ".", "_" or "-", and start with a letter or digit`,
  BOOLEAN: must("true or false"),
  SIZE: 'must be a size: a whole number of bytes, or a text such as "128M" (K, M or G)',

  BOARD: must("{ cpus, memory }"),
  BOARD_CPUS: number(1, layout.MAX_CPUS),
  BOARD_MEMORY: `must be whole MiB, from ${formatSize(layout.BOARD_RAM_MIN)} to ${formatSize(BOARD_MEMORY_MAX)}`,
  SCHEDULER: must("{ policy, slice }"),
  POLICY: must('"priority" or "share"'),
  SLICE: must(
    `a time from ${bundle.MIN_SLICE} us to ${bundle.MAX_SLICE / 1_000_000} s: a number of microseconds, or a text such as "5ms" (us, ms or s)`,
  ),
  LOG_LEVELS: 'must be levels by module, such as { vgic: "debug" }',
  LOG_MODULE: `unknown module: the core has ${oneOf(logModules)}`,
  LOG_LEVEL: `must be a level: ${oneOf(levelNames)}`,
  SHARED_LIST: must(`a list of at most ${bundle.MAX_SHARED} regions { name, size }`),
  SHARED: must("{ name, size }"),
  DISKS: must(`a list of at most ${bundle.MAX_DISKS} disks { name, file, … }`),
  DISK: must("{ name, file, … }"),
  BOARD_DISK: must("{ serial, … }: the serial number of one of the board's disks"),
  SECTORS: must("a multiple of 512 bytes, a size not 0"),
  SWITCHES: must(`a list of at most ${bundle.MAX_SWITCHES} switches { name, … }`),
  SWITCH: must("{ name, … }"),
  UPLINK: must('true, or { mac: "…" }: the address of one of the board\'s network devices'),
  CAPTURE: `must be a multiple of 4 KiB, at most ${formatSize(bundle.MAX_CAPTURE)}`,
  PIPES: must(`a list of at most ${bundle.MAX_PIPES} pipes { name, between }`),
  PIPE: must("{ name, between }"),
  PIPE_ENDS: must('names of VMs, two such as ["a", "b"], or one such as ["a"]: the other end is the board\'s'),
  DOORBELLS: must('a list of pairs of VMs, such as [["a", "b"]]'),
  DOORBELL: must('a pair of names of VMs, such as ["a", "b"]'),
  VMS: must("a list of VMs"),
  VMS_EMPTY: "must name a VM",
  VMS_MAX: `must be at most ${bundle.MAX_VMS} VMs`,

  VM: must("{ name, memory, kernel, … }"),
  MEMORY_MIN: `must be at least ${formatSize(MEMORY_MIN)}`,
  MEMORY_UNIT: `must be a multiple of ${formatSize(MEMORY_UNIT)}`,
  MEMORY_MAX: `must be at most ${formatSize(MEMORY_MAX)}: guest addresses have 39 bits`,
  VCPUS: number(1, bundle.MAX_VCPUS),
  PRIORITY: number(0, bundle.MAX_PRIORITY),
  AFFINITY: must("a list of numbers of CPUs, such as [0, 1], each once"),
  AFFINITY_CPU: number(0, layout.MAX_CPUS - 1),
  SHARE: number(1, bundle.MAX_SHARE),
  CAP: number(1, 100 * bundle.MAX_VCPUS),
  KERNEL: must('the path of a file, { debian: "linux-6.1" } or the like, or a function that returns a path'),
  DEBIAN: must('"linux-6.1", "linux-6.12" or "u-boot"'),
  KERNEL_LOAD: must("a multiple of 4 KiB"),
  INITRD: must("the path of a file, { busybox: true }, or a function that returns a path"),
  BUSYBOX: must("true or { command, programs, modules, packages }"),
  COMMAND: must("a text: what the shell runs"),
  PROGRAMS: must('paths of files by their names in /bin, such as { tool: "build/tool" }'),
  MODULES: must('names of kernel modules, such as ["virtio_mmio", "virtio_net"]'),
  PACKAGES: must('names of Debian packages, such as ["iperf3", "nftables"]'),
  PROGRAM_NAME: 'must be named as a file in /bin: at most 255 characters of ASCII, without "/" and spaces, and not "." or ".."',
  BOOTARGS: `must be a text of at most ${BOOTARGS_MAX} bytes, without NUL`,
  DEVICES: must("{ uart, rtc, entropy, console }"),
  REGIONS: must("a list of regions"),
  REGIONS_MAX: `must be at most ${bundle.MAX_REGIONS} regions`,
  REGION: must("{ ipa, size, … }"),
  IPA: `must be an address below ${hex(guest.IPA_LIMIT)}, a multiple of 4 KiB`,
  PAGES: must("a multiple of 4 KiB, and not 0"),
  FILE: must("the path of a file, or a function that returns one"),
  SHARES: must(`a list of at most ${bundle.MAX_SHARES_OF_VM} shared regions { region, … }`),
  SHARE_OF_VM: must("{ region, … }"),
  NETS_OF_VM: must("a list of network devices { switch, … }"),
  NET_OF_VM: must("{ switch, … }"),
  MAC: must('an address of one station, such as "02:00:00:00:00:01"'),
  RATE: must('"8kbit" to "1000Gbit", such as "100Mbit" (kbit, Mbit or Gbit)'),
  DISKS_OF_VM: must("a list of disks { disk, … }"),
  DISK_OF_VM: must("{ disk, … }"),
  SERIAL: must("1 to 20 characters of ASCII"),
  CRASH_POLICY: must('"stop", "reset" or "stop-all"'),
  TIME_ON_PAUSE: must('"stop" or "run"'),
  TABLE_QUOTA: number(1, TABLE_QUOTA_MAX),
};

/** Rules that settings break together, or files: each takes the words that it is about. */
export const rules = {
  UNREADABLE: (why: string) => `cannot be read: ${why}`,
  SAME_NAME: (other: string) => `is the name of ${other} as well: names must differ`,
  NO_SUCH_VM: (name: string) => `there is no VM "${name}"`,
  SAME_VM: () => "must connect two different VMs",
  PIPE_BOARD: (other: string) => `is a second one to the board, beside ${other}: a board has one end`,
  PIPES_MAX: (vm: string) => `is one too many: VM "${vm}" can have ${bundle.MAX_PIPES_OF_VM} pipes`,
  DOORBELLS_MAX: (vm: string) => `is one too many: VM "${vm}" can have ${bundle.MAX_DOORBELLS_OF_VM} doorbells`,
  NO_SUCH_SHARED: (name: string) => `there is no region "${name}" in the system's \`shared\``,
  SHARED_TWICE: (name: string) => `the VM has "${name}" already`,
  SHARED_IPA: () => `must be a multiple of ${formatSize(guest.SHARED_STRIDE)}: the region is larger than that`,
  SHARED_UNUSED: (name: string) => `no VM has it: add { region: "${name}" } to \`shared\` of the VMs that share it`,
  NO_SUCH_SWITCH: (name: string) => `there is no switch "${name}" in the system's \`switches\``,
  SWITCH_UNUSED: (name: string) => `no VM has it: add { switch: "${name}" } to \`nets\` of VMs`,
  SWITCH_PORTS: (name: string) => `is one too many: "${name}" can have ${bundle.MAX_PORTS} ports`,
  SAME_MAC: (other: string) => `is the address of ${other} on the same switch`,
  NO_SUCH_DISK: (name: string) => `there is no disk "${name}" in the system's \`disks\``,
  DISK_TWICE: (name: string) => `the VM has "${name}" already`,
  DISK_UNUSED: (name: string) => `no VM has it: add { disk: "${name}" } to \`disks\` of a VM`,
  DISK_WRITERS: (name: string, other: string) =>
    `"${name}" may be written by one VM alone, while no other has it: ${other} has it too; \`readOnly\` for all of them, or a disk each`,
  DISK_READ_ONLY: (name: string) => `"${name}" is not \`writable\``,
  DISK_BLOCKS: () => `must be a multiple of ${formatSize(bundle.DISK_BLOCK)}: the disk lies in RAM`,
  DISK_START: () => "is for slices of the board's disks (`board`)",
  DISK_FILE_OF_BOARD: () => "is not for a slice of a disk of the board",
  DISK_IMAGE_SIZE: () => "is that of the `image` that is made: say where that is",
  DISK_BEYOND: (size: string) => `must end on the board's disk, which is made with ${size}`,
  DISK_SLICES: (other: string) => `lies on ${other}, and one of the two is \`writable\``,
  DISK_EMPTY: () => "must have a `file`, or a `size` and be `writable`",
  DISK_SIZE: () => "is that of the file: only a `writable` disk may be larger",
  DISK_FILE: (path: string, size: string, room: string) => `${path} has ${size}, which is more than the disk's ${room}`,
  DISK_FILE_EMPTY: (path: string) => `${path} is empty`,
  VIRTIO_MAX: () => `has more than ${bundle.MAX_VIRTIO_OF_VM} virtio devices`,
  NOTHING_STARTS: () => "one VM at least must start by itself (`autostart`): nobody could start the others",
  NOBODY_STARTS: () => "nobody could start it: without `autostart` it takes another VM that is `controller`",
  CAP_OF_VCPUS: (most: string, vcpus: string) => `must be at most ${most}: the VM has ${vcpus} of 100 % each`,
  CPU_OF_BOARD: (cpu: string, cpus: string) => `there is no CPU ${cpu}: the board has ${cpus} (\`board.cpus\`, or --cpus)`,
  QUOTA_TOO_SMALL: (least: string) => `must be at least ${least}: that is what the VM's memory takes`,
  BOARD_TOO_SMALL: (has: string, parts: string, needs: string) =>
    `the board has ${has}, and the system takes ${needs} (${parts}): give the board more, or the VMs less`,
  NO_ROW: (needs: string, longest: string) =>
    `needs ${needs} of the board's RAM in one piece, and the longest that is left is ${longest}: give the board more`,

  REGION_END: () => `must end below ${hex(guest.IPA_LIMIT)}: guest addresses have 39 bits`,
  OVERLAP: (other: string) => `must not overlap ${other}`,
  SHARED_OVERLAP: (region: string, other: string) => `"${region}" must not overlap ${other}: say where it goes with \`ipa\``,

  MODULES_KERNEL: () => 'are those of Debian\'s kernels: `kernel` must be { debian: "linux-6.1" } or the like',
  NO_SUCH_MODULE: (name: string) => `the kernel has no module ${name}: it may be built in`,
  NO_SUCH_PACKAGE: (name: string) => `none of this machine's apt sources has a package ${name} for arm64`,
  FILE_MISSING: (path: string) => `${path}: no such file`,
  FILE_IS_FOLDER: (path: string) => `${path}: is a folder`,
  FILE_NO_PATH: (value: string) => `the function must return the path of a file, and returned ${value}`,
  FILE_FAILS: (why: string) => `cannot be had: ${why}`,
  REGION_FILE: (path: string, size: string, room: string) => `${path} has ${size}, which is more than the region's ${room}`,

  KERNEL_EMPTY: (path: string) => `${path} is empty`,
  KERNEL_GZIP: (path: string) => `${path} is compressed with gzip: unpack it first (\`gunzip\`)`,
  KERNEL_ZSTD: (path: string) => `${path} is compressed with zstd: unpack it first (\`unzstd\`)`,
  KERNEL_XZ: (path: string) => `${path} is compressed with xz: unpack it first (\`unxz\`)`,
  KERNEL_UIMAGE: (path: string) => `${path} is a U-Boot uImage: use the arm64 Image that it was made from`,
  KERNEL_EFI: (path: string) => `${path} is a compressed EFI image: use the arm64 Image that it was made from`,
  KERNEL_ARM32: (path: string) => `${path} is a zImage for 32-bit ARM: only arm64 kernels run`,
  KERNEL_BIG_ENDIAN: (path: string) => `${path} is a big-endian kernel: only little-endian kernels run`,
  KERNEL_NO_SIZE: (path: string) => `${path} is an Image without an image_size (Linux before 3.17): only later kernels run`,
  KERNEL_HEADER: (path: string, offset: string, size: string) =>
    `${path} is an Image with an impossible header (text_offset ${offset}, image_size ${size})`,
  KERNEL_OFFSET: (path: string, offset: string) =>
    `${path} is an Image whose text_offset is ${offset}: only multiples of ${formatSize(PAGE)} can be loaded`,
  KERNEL_TOO_LARGE: (path: string, size: string, from: string, memory: string) =>
    `${path} is too large: it takes ${size} from ${from} on, and the VM has ${memory} of memory`,
  IMAGE_LOAD: (textOffset: string) =>
    `must be a multiple of ${formatSize(MEMORY_UNIT)} plus the Image's text_offset ${textOffset}`,
  LOAD_ON_TREE: () => `must be at least ${formatSize(bundle.GUEST_FDT_MAX)}: the device tree lies at the base of RAM`,
  LOAD_OF_ELF: (path: string) => `is not for ${path}: an ELF file says itself where it goes`,
  INITRD_TOO_LARGE: (path: string, size: string, from: string, memory: string) =>
    `${path} does not fit: its ${size} would start ${from} into ${memory} of memory, behind the kernel`,

  ELF_MACHINE: (path: string) => `${path} is an ELF file, but not for AArch64 (64-bit, little-endian)`,
  ELF_TYPE: (path: string) => `${path} is an ELF file, but no executable with fixed addresses (ET_EXEC): link it without -pie`,
  ELF_BROKEN: (path: string) => `${path} is a broken ELF file: its headers point outside it`,
  ELF_NOTHING: (path: string) => `${path} is an ELF file with nothing to load (no PT_LOAD)`,
  ELF_OVERLAP: (path: string, one: string, other: string) => `${path}: its segments ${one} and ${other} overlap`,
  ELF_SEGMENTS: (path: string, count: string) =>
    `${path} has ${count} separate segments, and ${bundle.MAX_SEGMENTS} can be loaded: link it with fewer`,
  ELF_ENTRY: (path: string, entry: string) => `${path}: its entry ${entry} lies in none of its segments`,
  ELF_OUTSIDE: (path: string, segment: string, ram: string) =>
    `${path}: its segment ${segment} lies outside the VM's RAM (${ram}): physical addresses of an ELF are guest addresses`,
  ELF_ON_TREE: (path: string, segment: string, tree: string) =>
    `${path}: its segment ${segment} lies on the device tree (${tree}): link it behind that`,
};
