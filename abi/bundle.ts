// The bundle: one flattened device tree (Devicetree Specification v0.4, chapter 5) whose nodes are the VMs, with kernels,
// initrds, guest device trees and region files behind it. The tool writes it (tool/bundle.ts), the core reads it (src/vm/manifest.ts).
//
//   / { compatible = "hyper-lite,bundle-2"; total-size = <u64>; [no-scrub;] [log-levels = "vgic=debug,…"]
//     console = "terminal" | "lines"; policy = <u64>; slice = <u64>;
//     shared { shared@0 { size = <u64>; } }
//     disks { disk@0 { size = <u64>; [file = <u64 u64>;] [board = "serial"; start = <u64>;] [writable;] } }
//     switches { switch@0 { [capture = <u64>;] [uplink = <u64>;] } }
//     pipes { pipe@0 { pipe-name = "…"; } }
//     vms { vm@0 { vm-name = "linux"; memory = <u64>; vcpus = <u64>; priority = <u64>; affinity = <u64>; share = <u64>; cap = <u64>;
//                  crash-policy = <u64>; [no-autostart;] [controller;] [time-runs-on-pause;] table-quota = <u64>;
//                  kernel = <u64 u64>; kernel-load = <u64>; kernel-reserve = <u64>; kernel-entry = <u64>;
//                  [segments { segment@0 { file = <u64 u64>; load = <u64>; } }]
//                  [initrd = <u64 u64>; initrd-load = <u64>;] fdt = <u64 u64>; fdt-load = <u64>;
//                  regions { region@0 { ipa = <u64>; size = <u64>; [read-only;] [file = <u64 u64>;] } }
//                  shared { shared@0 { index = <u64>; ipa = <u64>; [read-only;] } }
//                  doorbells { doorbell@0 { peer = <u64>; number = <u64>; } }
//                  virtio { virtio@0 { type = <u64>; [disk = <u64>; [read-only;] [serial = "…";]] [switch = <u64>; mac = <u64>; [rate = <u64>;]]
//                           [[console;] ports { port@0 { index = <u64>; } }] } } } } }
//
// VMs are numbered from 0 in the order of their nodes; that is a VM's id at run time as well. `index` is that of a node of /shared, or of /pipes, in order: node n of
// `ports` is port n + 1 of a console device, one end of that pipe; port 0 is the VM's console, or nothing. Doorbell n
// of a VM rings at VM `peer`, as that VM's doorbell `number`. Node n of /virtio is transport n; `type` is a device type of virtio, `disk` is that
// of a node of /disks, and `switch` that of one of /switches, in order; `mac` is an address as its six bytes lie in memory, `rate` is in bytes a second (0: no limit),
// `capture` in bytes, `uplink` the address of the board's network device that it is (0: any). What a writable disk holds is a copy of its file, made where it is written, zeros behind that; one with
// `board` is a slice, from `start` on, of the disk of the board with this serial number, to its end without `size`. Without `console` it is "lines". `slice` is in microseconds, `affinity` one bit a CPU (0:
// all), `cap` in percent of one CPU (0: none). A kernel that is an ELF has its segments as `segments`, the first of which is `kernel`.
//
// Every number is a 64-bit big-endian cell pair. A pair of numbers is an offset from the start of the bundle and a size, in bytes;
// offsets of payloads are multiples of PAYLOAD_ALIGN. The last eight bytes of `total-size` are BUNDLE_END: whoever placed the bundle does not
// always know its size. `…-load` and `kernel-entry` are offsets from the start of the VM's RAM.

export const bundle = {
  /** Alignment of each payload: a stage-2 block, so that a kernel can be mapped in place. */
  PAYLOAD_ALIGN: 0x20_0000,
  /** The largest device tree of a guest that the core will fill in (rng-seed). */
  GUEST_FDT_MAX: 0x1_0000,
  /** The text `HL-END-1`, at a multiple of 8. */
  BUNDLE_END: 0x312d_444e_452d_4c48n,
  MAX_NAME: 31,
  /** Of a system, and of one VM. */
  MAX_VMS: 64,
  MAX_VCPUS: 8,
  MAX_SHARED: 64,
  MAX_REGIONS: 8,
  MAX_SEGMENTS: 8,
  MAX_SHARES_OF_VM: 8,
  MAX_DOORBELLS_OF_VM: 8,
  MAX_VIRTIO_OF_VM: 16,
  MAX_DISKS: 64,
  MAX_SWITCHES: 16,
  MAX_PIPES: 64,
  /** Ends of pipes that a VM has. */
  MAX_PIPES_OF_VM: 8,
  /** Ports of a switch. */
  MAX_PORTS: 64,
  /** What a port may send, in bytes a second. */
  MIN_RATE: 1000,
  MAX_RATE: 125_000_000_000,
  /** What a switch captures, in bytes: whole pages. */
  MAX_CAPTURE: 0x1000_0000,
  /** Disks are whole blocks of this size, in which copies of a writable one are made. */
  DISK_BLOCK: 4096,
  /** Priorities are 0 to 31, the highest is the most urgent. */
  MAX_PRIORITY: 31,
  MAX_SHARE: 10_000,
  /** Microseconds. */
  MIN_SLICE: 100,
  MAX_SLICE: 1_000_000,
  /** A seed in a guest's device tree, in bytes. */
  MAX_SEED: 64,
};

/** How the scheduler chooses. */
export const policies = {
  /** The highest priority runs; round robin within one. */
  POLICY_PRIORITY: 0,
  /** CPU time in proportion to shares, up to caps. */
  POLICY_SHARE: 1,
};

/** What follows when a VM crashes. */
export const crashPolicies = {
  CRASH_STOP: 0,
  CRASH_RESET: 1,
  /** The run ends. */
  CRASH_STOP_ALL: 2,
};

/** Names of nodes and properties, by what they mean. */
export const bundleNames = {
  COMPATIBLE: "hyper-lite,bundle-2",
  TOTAL_SIZE: "total-size",
  NO_SCRUB: "no-scrub",
  LOG_LEVELS: "log-levels",
  /** "terminal": one terminal for all VMs, with keys that choose; "lines": whole lines, each with its VM's name when there are several. */
  CONSOLE: "console",
  POLICY: "policy",
  SLICE: "slice",
  SHARED: "shared",
  VMS: "vms",
  NAME: "vm-name",
  MEMORY: "memory",
  VCPUS: "vcpus",
  PRIORITY: "priority",
  AFFINITY: "affinity",
  SHARE: "share",
  CAP: "cap",
  CRASH_POLICY: "crash-policy",
  NO_AUTOSTART: "no-autostart",
  CONTROLLER: "controller",
  TIME_RUNS: "time-runs-on-pause",
  TABLE_QUOTA: "table-quota",
  KERNEL: "kernel",
  KERNEL_LOAD: "kernel-load",
  KERNEL_RESERVE: "kernel-reserve",
  KERNEL_ENTRY: "kernel-entry",
  SEGMENTS: "segments",
  LOAD: "load",
  INITRD: "initrd",
  INITRD_LOAD: "initrd-load",
  FDT: "fdt",
  FDT_LOAD: "fdt-load",
  REGIONS: "regions",
  IPA: "ipa",
  SIZE: "size",
  READ_ONLY: "read-only",
  FILE: "file",
  INDEX: "index",
  DOORBELLS: "doorbells",
  PEER: "peer",
  NUMBER: "number",
  VIRTIO: "virtio",
  TYPE: "type",
  DISKS: "disks",
  DISK: "disk",
  WRITABLE: "writable",
  SERIAL: "serial",
  SWITCHES: "switches",
  SWITCH: "switch",
  MAC: "mac",
  RATE: "rate",
  CAPTURE: "capture",
  UPLINK: "uplink",
  PIPES: "pipes",
  PIPE_NAME: "pipe-name",
  PORTS: "ports",
  BOARD: "board",
  START: "start",
};
