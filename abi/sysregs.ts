// System registers (Arm ARM DDI 0487, D24; GIC: IHI 0069, 12.2): which ones the core reaches through the HAL, which ones make up a vCPU's
// EL1 context, and what a guest sees in its ID registers.

export interface HalRegister {
  name: string;
  /** r: the core reads it, w: the core writes it. */
  access: "r" | "w" | "rw";
  /** For a name that the assembler may not know: its S<op0>_<op1>_<Cn>_<Cm>_<op2> form. */
  encoding?: string;
  /** What the HAL allows to be written: valid_<check> in metal/hal.h, in sim/door.ts by its name. */
  check?: "hcr" | "vtcr" | "vttbr";
}

const reg = (name: string, access: HalRegister["access"], encoding?: string): HalRegister =>
  encoding === undefined ? { name, access } : { name, access, encoding };

/** TTBR0_EL2, TCR_EL2, SCTLR_EL2 and VBAR_EL2 are missing on purpose: the core cannot touch its own translation. */
export const halRegisters: HalRegister[] = [
  // what an exit tells
  reg("FAR_EL2", "r"),
  reg("HPFAR_EL2", "r"),
  // what a guest runs under
  { name: "HCR_EL2", access: "rw", check: "hcr" },
  { name: "VTCR_EL2", access: "w", check: "vtcr" },
  { name: "VTTBR_EL2", access: "rw", check: "vttbr" },
  reg("VPIDR_EL2", "w"),
  reg("VMPIDR_EL2", "w"),
  reg("CPTR_EL2", "w"),
  reg("HSTR_EL2", "w"),
  reg("MDCR_EL2", "w"),
  reg("CNTHCTL_EL2", "w"),
  reg("CNTVOFF_EL2", "w"),
  reg("HACR_EL2", "w"),
  // controls of extensions, each there with its field of an ID register (src/cpu/features.ts)
  reg("HCRX_EL2", "w", "S3_4_C1_C2_2"),
  reg("HFGRTR_EL2", "w", "S3_4_C1_C1_4"),
  reg("HFGWTR_EL2", "w", "S3_4_C1_C1_5"),
  reg("HFGITR_EL2", "w", "S3_4_C1_C1_6"),
  reg("HDFGRTR_EL2", "w", "S3_4_C3_C1_4"),
  reg("HDFGWTR_EL2", "w", "S3_4_C3_C1_5"),
  reg("HAFGRTR_EL2", "w", "S3_4_C3_C1_6"),
  reg("MPAM2_EL2", "w", "S3_4_C10_C5_0"),
  reg("VSESR_EL2", "w", "S3_4_C5_C2_3"),
  reg("VDISR_EL2", "w", "S3_4_C12_C1_1"),
  // the board's own: a guest's is its record's
  reg("MDSCR_EL1", "w"),
  // injecting an exception into EL1
  reg("ESR_EL1", "w"),
  reg("FAR_EL1", "w"),
  reg("ELR_EL1", "w"),
  reg("SPSR_EL1", "w"),
  reg("VBAR_EL1", "r"),
  reg("SCTLR_EL1", "r"),
  // time
  reg("CNTPCT_EL0", "r"),
  reg("CNTFRQ_EL0", "r"),
  reg("CNTHP_CTL_EL2", "w"),
  reg("CNTHP_CVAL_EL2", "w"),
  reg("CNTV_CTL_EL0", "rw"),
  // the CPU
  reg("MIDR_EL1", "r"),
  reg("MPIDR_EL1", "r"),
  reg("PMCR_EL0", "r"),
  // GIC CPU interface
  reg("ICC_SRE_EL2", "w", "S3_4_C12_C9_5"),
  reg("ICC_PMR_EL1", "w", "S3_0_C4_C6_0"),
  reg("ICC_BPR1_EL1", "w", "S3_0_C12_C12_3"),
  reg("ICC_CTLR_EL1", "w", "S3_0_C12_C12_4"),
  reg("ICC_IGRPEN1_EL1", "w", "S3_0_C12_C12_7"),
  reg("ICC_IAR1_EL1", "r", "S3_0_C12_C12_0"),
  reg("ICC_EOIR1_EL1", "w", "S3_0_C12_C12_1"),
  reg("ICC_DIR_EL1", "w", "S3_0_C12_C11_1"),
  reg("ICC_AP1R0_EL1", "w", "S3_0_C12_C9_0"),
  reg("ICC_SGI1R_EL1", "w", "S3_0_C12_C11_5"),
  // virtual CPU interface
  reg("ICH_HCR_EL2", "rw", "S3_4_C12_C11_0"),
  reg("ICH_VTR_EL2", "r", "S3_4_C12_C11_1"),
  reg("ICH_VMCR_EL2", "rw", "S3_4_C12_C11_7"),
  ...Array.from({ length: 16 }, (_, n) => reg(`ICH_LR${n}_EL2`, "rw", `S3_4_C12_C${12 + (n >> 3)}_${n & 7}`)),
  // active priorities: group 0 and 1, up to four words each, as many as ICH_VTR_EL2.PREbits says
  ...Array.from({ length: 4 }, (_, n) => reg(`ICH_AP0R${n}_EL2`, "rw", `S3_4_C12_C8_${n}`)),
  ...Array.from({ length: 4 }, (_, n) => reg(`ICH_AP1R${n}_EL2`, "rw", `S3_4_C12_C9_${n}`)),
];

/** The EL1 system registers of a vCPU, in the order in which its record holds them: they move when a CPU changes its vCPU. */
export const el1Context = [
  "SP_EL0",
  "SP_EL1",
  "ELR_EL1",
  "SPSR_EL1",
  "SCTLR_EL1",
  "CPACR_EL1",
  "TTBR0_EL1",
  "TTBR1_EL1",
  "TCR_EL1",
  "MAIR_EL1",
  "AMAIR_EL1",
  "VBAR_EL1",
  "CONTEXTIDR_EL1",
  "ESR_EL1",
  "FAR_EL1",
  "AFSR0_EL1",
  "AFSR1_EL1",
  "PAR_EL1",
  "TPIDR_EL1",
  "TPIDR_EL0",
  "TPIDRRO_EL0",
  "CSSELR_EL1",
  "CNTKCTL_EL1",
  "CNTV_CTL_EL0",
  "CNTV_CVAL_EL0",
] as const;

/**
 * ID registers: op0 = 3, op1 = 0, CRn = 0. A field is four bits wide; the guest sees the lesser of what the CPU has and of the same
 * four bits of `limit`: 0 hides a feature, 0xf shows it as the CPU has it. Registers that are not listed read as zero.
 */
export interface IdRegister {
  name: string;
  crm: number;
  op2: number;
  limit: bigint;
  doc: string;
}

const id = (name: string, crm: number, op2: number, limit: bigint, doc: string): IdRegister => ({ name, crm, op2, limit, doc });
const ALL = 0xffff_ffff_ffff_ffffn;

export const idRegisters: IdRegister[] = [
  id("ID_PFR0_EL1", 1, 0, 0x0f0f_ffffn, "no AMU, no RAS"),
  id("ID_PFR1_EL1", 1, 1, 0xf00f_0f0fn, "no security, no virtualization extension"),
  id("ID_DFR0_EL1", 1, 2, 0x0000_0006n, "no PMU, no trace"),
  id("ID_MMFR0_EL1", 1, 4, ALL, ""),
  id("ID_MMFR1_EL1", 1, 5, ALL, ""),
  id("ID_MMFR2_EL1", 1, 6, ALL, ""),
  id("ID_MMFR3_EL1", 1, 7, ALL, ""),
  id("ID_ISAR0_EL1", 2, 0, ALL, ""),
  id("ID_ISAR1_EL1", 2, 1, ALL, ""),
  id("ID_ISAR2_EL1", 2, 2, ALL, ""),
  id("ID_ISAR3_EL1", 2, 3, ALL, ""),
  id("ID_ISAR4_EL1", 2, 4, ALL, ""),
  id("ID_ISAR5_EL1", 2, 5, ALL, ""),
  id("ID_MMFR4_EL1", 2, 6, ALL, ""),
  id("ID_ISAR6_EL1", 2, 7, ALL, ""),
  id("MVFR0_EL1", 3, 0, ALL, ""),
  id("MVFR1_EL1", 3, 1, ALL, ""),
  id("MVFR2_EL1", 3, 2, ALL, ""),
  id("ID_PFR2_EL1", 3, 4, 0x0000_00ffn, "CSV3 and SSBS"),
  id("ID_AA64PFR0_EL1", 4, 0, 0xf10f_0000_0fff_0012n, "EL1 in AArch64 only; no EL2, EL3, RAS, SVE, MPAM, AMU; CSV2 without SCXTNUM"),
  id("ID_AA64PFR1_EL1", 4, 1, 0x0000_0000_0000_00ffn, "BTI and SSBS; no MTE, SME, NMI"),
  id("ID_AA64DFR0_EL1", 5, 0, 0x0000_00f0_0010_1006n, "v8 debug with two breakpoints and two watchpoints (see debug registers); no PMU, trace, SPE"),
  id("ID_AA64ISAR0_EL1", 6, 0, 0xffff_ffff_f0ff_fff0n, "no TME"),
  id("ID_AA64ISAR1_EL1", 6, 1, 0x00ff_f1ff_00ff_f00fn, "no pointer authentication, no LS64, no XS"),
  id("ID_AA64ISAR2_EL1", 6, 2, 0x0000_0000_00f0_00f0n, "no pointer authentication, no WFxT, no MOPS"),
  id("ID_AA64MMFR0_EL1", 7, 0, 0x0000_0000_ffff_0ff2n, "40-bit physical addresses at most; no FGT, no ECV"),
  id("ID_AA64MMFR1_EL1", 7, 1, 0x000f_f0f0_0ff0_f00fn, "no VHE, no LORegions"),
  id("ID_AA64MMFR2_EL1", 7, 2, 0xf0ff_00ff_f0ff_0fffn, "no nested virtualization, no IESB"),
];

/** Registers whose accesses trap and mean something: op0, op1, CRn, CRm, op2. */
export const trappedRegisters = {
  ACTLR_EL1: [3, 0, 1, 0, 1],
  ICC_SGI1R_EL1: [3, 0, 12, 11, 5],
  ICC_ASGI1R_EL1: [3, 0, 12, 11, 6],
  ICC_SGI0R_EL1: [3, 0, 12, 11, 7],
  CNTPCT_EL0: [3, 3, 14, 0, 1],
  CNTP_TVAL_EL0: [3, 3, 14, 2, 0],
  CNTP_CTL_EL0: [3, 3, 14, 2, 1],
  CNTP_CVAL_EL0: [3, 3, 14, 2, 2],
  MDSCR_EL1: [2, 0, 0, 2, 2],
  OSLSR_EL1: [2, 0, 1, 1, 4],
} as const;

/** Bits of the registers that the core configures. */
export const hcr = {
  HCR_VM: 1n << 0n,
  HCR_SWIO: 1n << 1n,
  HCR_FMO: 1n << 3n,
  HCR_IMO: 1n << 4n,
  HCR_AMO: 1n << 5n,
  HCR_VSE: 1n << 8n,
  HCR_FB: 1n << 9n,
  HCR_BSU_INNER: 1n << 10n,
  HCR_DC: 1n << 12n,
  HCR_TWI: 1n << 13n,
  HCR_TWE: 1n << 14n,
  HCR_TID3: 1n << 18n,
  HCR_TSC: 1n << 19n,
  HCR_TIDCP: 1n << 20n,
  HCR_TACR: 1n << 21n,
  HCR_TGE: 1n << 27n,
  HCR_HCD: 1n << 29n,
  HCR_RW: 1n << 31n,
  HCR_E2H: 1n << 34n,
  HCR_TLOR: 1n << 35n,
  HCR_TERR: 1n << 36n,
};

/** What the HAL asks of HCR_EL2: stage 2 is on, interrupts come to EL2, and EL2 is EL2 and nothing else. */
export const hcrRules = {
  HCR_REQUIRED: hcr.HCR_VM | hcr.HCR_FMO | hcr.HCR_IMO | hcr.HCR_AMO | hcr.HCR_RW,
  HCR_REFUSED: hcr.HCR_DC | hcr.HCR_TGE | hcr.HCR_HCD | hcr.HCR_E2H,
};

export const el2Controls = {
  /** CPTR_EL2 with E2H = 0: bits that are RES1, or traps of what is hidden (SVE, SME). */
  CPTR_RES1: 0x33ff,
  CPTR_TFP: 0x400,
  CPTR_TTA: 0x10_0000,
  CPTR_TAM: 0x4000_0000,

  MDCR_HPMN_MASK: 0x1f,
  MDCR_TPMCR: 0x20,
  MDCR_TPM: 0x40,
  MDCR_TDA: 0x200,
  MDCR_TDOSA: 0x400,
  MDCR_TDRA: 0x800,
  MDCR_TPMS: 0x4000,
  MDCR_TTRF: 0x8_0000,

  /** MPAM2_EL2: EL1's MPAM registers trap. */
  MPAM2_TRAPS: 3n << 48n,

  /** VTCR_EL2: 39-bit IPA, start level 1, write-back walks, inner shareable, 4 KiB granule; PS and VS are added at boot. */
  VTCR_BASE: 0x8000_0000 + (25 | (1 << 6) | (1 << 8) | (1 << 10) | (3 << 12)),
  VTCR_PS_SHIFT: 16,
  VTCR_VS: 0x8_0000,
  /** The fields that depend on the CPU; in all others the HAL takes VTCR_BASE alone. */
  VTCR_OF_CPU: 0xf_0000,

  /** SCTLR_EL1 at reset: the bits that are RES1 in Armv8.0, MMU and caches off. */
  SCTLR_EL1_RESET: 0x30d0_0800,
  SCTLR_SPAN: 0x80_0000,
  SCTLR_DSSBS: 0x1000_0000_0000n,

  CNT_CTL_ENABLE: 1,
  CNT_CTL_IMASK: 2,
  CNT_CTL_ISTATUS: 4,

  /** ICC_SRE_EL2: system registers on, for EL1 too; no legacy bypass. */
  ICC_SRE_ALL: 0xf,
  /** ICC_CTLR_EL1.EOImode: EOIR drops the priority, DIR deactivates. */
  ICC_CTLR_EOIMODE: 0x2,
};
