// What the EL3 reset path (metal/rom.S) knows of its board: QEMU's machine `virt` with `secure=on`, whose firmware has to know where things
// are, and the bits of EL3's registers that it sets. Nothing else uses these: the core reads its board from the device tree.

import { gicd } from "./gic.ts";

/** QEMU, hw/arm/virt.c: base_memmap and create_gpio_devices. */
export const virtBoard = {
  VIRT_GICD: 0x0800_0000,
  VIRT_GICR: 0x080a_0000,
  VIRT_GICR_SIZE: 0x00f6_0000,
  /** RAM that only the secure state reaches: the monitor's. */
  VIRT_SECURE_RAM: 0x0e00_0000,
  /** The PL061 of the secure state, whose pins 0 and 1 switch the board off and restart it. */
  VIRT_SECURE_GPIO: 0x090b_0000,
  VIRT_PIN_OFF: 0x1,
  VIRT_PIN_RESTART: 0x2,
  /** RAM starts with the device tree that QEMU has written. */
  VIRT_RAM: 0x4000_0000,
  VIRT_DEVICE_TREE: 0x4000_0000,
};

/** PL061 (Arm DDI 0190, 3.2): data, masked by bits 9-2 of the address, and the pins' directions. */
export const pl061 = { PL061_GPIODATA: 0x000, PL061_GPIODIR: 0x400 };

/**
 * What each CPU has in secure RAM, ROM_AREA_SIZE bytes at VIRT_SECURE_RAM + (offset of its redistributor >> ROM_AREA_SHIFT): a stack, then
 * its mailbox, to which SP points when the stack is empty.
 */
export const romAreas = {
  ROM_AREA_SHIFT: 9,
  ROM_AREA_SIZE: 0x100,
  ROM_MAILBOX_SIZE: 0x20,
  /** Off is 0, as the ROM clears all areas at reset. AFFINITY_INFO answers with the state, its bit 0 inverted (DEN0022, 5.7). */
  ROM_MAILBOX_STATE: 0x00,
  ROM_CPU_ON: 1,
  ROM_CPU_PENDING: 3,
  /** Where a CPU that is switched on goes, and its x0. */
  ROM_MAILBOX_ENTRY: 0x08,
  ROM_MAILBOX_CONTEXT: 0x10,
  /** The SGI that ends the sleep of a CPU that is off: group 0, so no other software sees it. */
  ROM_WAKE_SGI: 15,
};

/** PSTATE at EL2 with its own stack pointer, all masked. */
export const spsr = { SPSR_EL2H_MASKED: 0x3c9 };

const WAKE_SGI = 1 << romAreas.ROM_WAKE_SGI;
/** What is 1 in SCTLR_EL2 and SCTLR_EL3 of any CPU, MMU and caches off. */
const SCTLR_RES1 = 0x30c5_0830;

/** System registers that the ROM writes, in this order: [register, value]. */
export const romSystemWrites = {
  /** On every CPU: EL3's own stack pointer checked; the GIC by system registers, here and below (ICC_SRE_EL3: SRE, DFB, DIB, Enable). */
  write_at_reset: [
    ["sctlr_el3", SCTLR_RES1 | 0x8],
    ["spsel", 1],
    ["s3_6_c12_c12_5", 0xf],
  ],
  /** Group 0 alone is listened to: ICC_PMR_EL1, ICC_IGRPEN0_EL1. */
  write_at_park: [
    ["s3_0_c4_c6_0", 0xff],
    ["s3_0_c12_c12_6", 1],
  ],
  /** ICC_IGRPEN0_EL1; then EL2 as the boot protocol has it, AArch64 below it (HCR_EL2.RW). */
  write_at_drop: [
    ["s3_0_c12_c12_6", 0],
    ["hcr_el2", 0x8000_0000],
    ["sctlr_el2", SCTLR_RES1],
    ["cntvoff_el2", 0],
    ["spsr_el3", spsr.SPSR_EL2H_MASKED],
  ],
} as const;

/** Registers of the GIC, likewise (IHI 0069, 12.9 and 12.11): [offset, value]. */
export const romDeviceWrites = {
  /** The SGI frame of a redistributor: all in group 1 non-secure but the SGI of the ROM, which has the highest priority and is on. */
  write_sgi_frame: [
    [gicd.GICD_IGROUPR, ~WAKE_SGI >>> 0],
    [gicd.GICD_IGRPMODR, 0],
    [gicd.GICD_IPRIORITYR + (romAreas.ROM_WAKE_SGI & ~3), 0],
    [gicd.GICD_ISENABLER, WAKE_SGI],
  ],
  /** GICD_CTLR as the secure state sees it: ARE_S and ARE_NS, then group 0 on. */
  write_distributor: [
    [gicd.GICD_CTLR, 0x30],
    [gicd.GICD_CTLR, 0x31],
  ],
} as const;

/** SCR_EL3 on every CPU (Arm ARM D17.2.117): non-secure, HVC on, AArch64 below; RES1. The other bits are in el3Features. */
export const scr = { SCR_BASE: 0x1 | 0x30 | 0x100 | 0x400 };

/** What EL3 handles, and the label in metal/rom.S. */
export const romCalls = {
  PSCI_VERSION: "psci_version",
  PSCI_CPU_SUSPEND_32: "cpu_suspend",
  PSCI_CPU_SUSPEND_64: "cpu_suspend",
  PSCI_CPU_OFF: "cpu_off",
  PSCI_CPU_ON_32: "cpu_on",
  PSCI_CPU_ON_64: "cpu_on",
  PSCI_AFFINITY_INFO_32: "affinity_info",
  PSCI_AFFINITY_INFO_64: "affinity_info",
  PSCI_MIGRATE_INFO_TYPE: "migrate_info_type",
  PSCI_SYSTEM_OFF: "system_off",
  PSCI_SYSTEM_RESET: "system_reset",
  PSCI_FEATURES: "features",
  SMCCC_VERSION: "psci_version",
  SMCCC_ARCH_FEATURES: "features",
};

/** A feature that is closed below unless EL3 opens it. */
export interface El3Feature {
  readonly name: string;
  /** Its field of four bits in an ID register (op0 3, op1 0, CRn 0), and the least value that stands for it. */
  readonly crm: number;
  readonly op2: number;
  readonly shift: number;
  readonly least: number;
  /** The bits that open it. */
  readonly opens: "scr" | "cptr" | "mdcr";
  readonly bits: bigint;
}

const feature = (
  name: string,
  [crm, op2, shift, least]: readonly [number, number, number, number],
  opens: El3Feature["opens"],
  ...bits: number[]
): El3Feature => ({ name, crm, op2, shift, least, opens, bits: bits.reduce((all, bit) => all | (1n << BigInt(bit)), 0n) });

/** SCR_EL3, CPTR_EL3 (D17.2.31), MDCR_EL3 (D17.3.16), and the ID registers' fields (D17.2.54 and following). */
export const el3Features: readonly El3Feature[] = [
  feature("SVE", [4, 0, 32, 1], "cptr", 8),
  feature("AMU, virtual offsets", [4, 0, 44, 2], "scr", 35),
  feature("SCXTNUM", [4, 0, 56, 2], "scr", 25),
  feature("MTE", [4, 1, 8, 2], "scr", 26),
  feature("SME, TPIDR2", [4, 1, 24, 1], "scr", 41),
  feature("SME", [4, 1, 24, 1], "cptr", 12),
  feature("SCXTNUM by CSV2_frac", [4, 1, 32, 2], "scr", 25),
  feature("guarded control stack", [4, 1, 44, 1], "scr", 39),
  feature("SPE", [5, 0, 32, 1], "mdcr", 12, 13),
  feature("trace buffer", [5, 0, 44, 1], "mdcr", 24, 25),
  feature("pointer authentication, APA", [6, 1, 4, 1], "scr", 16, 17),
  feature("pointer authentication, API", [6, 1, 8, 1], "scr", 16, 17),
  feature("pointer authentication, GPA", [6, 1, 24, 1], "scr", 16, 17),
  feature("pointer authentication, GPI", [6, 1, 28, 1], "scr", 16, 17),
  feature("ST64BV0", [6, 1, 60, 2], "scr", 36),
  feature("ACCDATA", [6, 1, 60, 3], "scr", 37),
  feature("pointer authentication, GPA3", [6, 2, 8, 1], "scr", 16, 17),
  feature("pointer authentication, APA3", [6, 2, 12, 1], "scr", 16, 17),
  feature("fine-grained traps", [7, 0, 56, 1], "scr", 27),
  feature("CNTPOFF", [7, 0, 60, 2], "scr", 28),
  feature("HCRX", [7, 1, 40, 1], "scr", 38),
  feature("TCR2", [7, 3, 0, 1], "scr", 43),
  feature("SCTLR2", [7, 3, 4, 1], "scr", 44),
  feature("permission indirection, S1PIE", [7, 3, 8, 1], "scr", 45),
  feature("permission indirection, S2PIE", [7, 3, 12, 1], "scr", 45),
  feature("permission overlay, S1POE", [7, 3, 16, 1], "scr", 45),
  feature("permission overlay, S2POE", [7, 3, 20, 1], "scr", 45),
  feature("memory attribute indexes", [7, 3, 24, 1], "scr", 46),
];
