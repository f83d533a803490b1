// The bundle: one flattened device tree (Devicetree Specification v0.4, chapter 5) whose nodes are the VMs, with kernels,
// initrds, guest device trees and region files behind it. The tool writes it (tool/bundle.ts), the core reads it (src/vm/manifest.ts).
//
//   / { compatible = "hyper-lite,bundle-1"; total-size = <u64>; [no-scrub;] [log-levels = "vgic=debug,…"]
//     vms { vm@0 { vm-name = "linux"; memory = <u64>; kernel = <u64 u64>; kernel-load = <u64>; kernel-reserve = <u64>; kernel-entry = <u64>;
//                  [initrd = <u64 u64>; initrd-load = <u64>;] fdt = <u64 u64>; fdt-load = <u64>;
//                  regions { region@0 { ipa = <u64>; size = <u64>; [read-only;] [file = <u64 u64>;] } } } } }
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
  MAX_REGIONS: 8,
  MAX_NAME: 31,
};

/** Names of nodes and properties, by what they mean. */
export const bundleNames = {
  COMPATIBLE: "hyper-lite,bundle-1",
  TOTAL_SIZE: "total-size",
  NO_SCRUB: "no-scrub",
  LOG_LEVELS: "log-levels",
  VMS: "vms",
  NAME: "vm-name",
  MEMORY: "memory",
  KERNEL: "kernel",
  KERNEL_LOAD: "kernel-load",
  KERNEL_RESERVE: "kernel-reserve",
  KERNEL_ENTRY: "kernel-entry",
  INITRD: "initrd",
  INITRD_LOAD: "initrd-load",
  FDT: "fdt",
  FDT_LOAD: "fdt-load",
  REGIONS: "regions",
  IPA: "ipa",
  SIZE: "size",
  READ_ONLY: "read-only",
  FILE: "file",
};
