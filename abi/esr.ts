// Exception syndromes (Arm ARM DDI 0487, D24.2.40 ESR_EL2): classes and fields that the core decodes.
//
//   63       32 31   26 25  24                     0
//  |   ISS2   |   EC   | IL |          ISS          |

export const exceptionClass = {
  EC_UNKNOWN: 0x00,
  EC_WFX: 0x01,
  EC_CP15_32: 0x03,
  EC_CP15_64: 0x04,
  EC_CP14_32: 0x05,
  EC_CP14_LDC: 0x06,
  EC_FP: 0x07,
  EC_VMRS: 0x08,
  EC_PAUTH: 0x09,
  EC_LS64: 0x0a,
  EC_CP14_64: 0x0c,
  EC_BTI: 0x0d,
  EC_ILLEGAL: 0x0e,
  EC_SVC32: 0x11,
  EC_HVC32: 0x12,
  EC_SMC32: 0x13,
  EC_SVC64: 0x15,
  EC_HVC64: 0x16,
  EC_SMC64: 0x17,
  EC_SYSREG: 0x18,
  EC_SVE: 0x19,
  EC_ERET: 0x1a,
  EC_SME: 0x1d,
  EC_IABT_LOWER: 0x20,
  EC_IABT_SAME: 0x21,
  EC_PC_ALIGN: 0x22,
  EC_DABT_LOWER: 0x24,
  EC_DABT_SAME: 0x25,
  EC_SP_ALIGN: 0x26,
  EC_SERROR: 0x2f,
  EC_BRK: 0x3c,
};

export const esrFields = {
  ESR_EC_SHIFT: 26,
  ESR_IL: 0x0200_0000,
  ESR_ISS_MASK: 0x01ff_ffff,

  /** Data abort: the syndrome below is valid. */
  ISS_ISV: 0x0100_0000,
  ISS_SAS_SHIFT: 22,
  ISS_SSE: 0x0020_0000,
  ISS_SRT_SHIFT: 16,
  ISS_SF: 0x8000,
  ISS_FNV: 0x400,
  ISS_EA: 0x200,
  ISS_CM: 0x100,
  ISS_S1PTW: 0x80,
  ISS_WNR: 0x40,
  ISS_FSC_MASK: 0x3f,

  /** Fault status codes: bits 5-2 are the kind, bits 1-0 the level. */
  FSC_KIND_MASK: 0x3c,
  FSC_TRANSLATION: 0x04,
  FSC_ACCESS_FLAG: 0x08,
  FSC_PERMISSION: 0x0c,
  FSC_EXTERNAL: 0x10,
  FSC_EXTERNAL_WALK_L0: 0x14,
};

/** SPSR_EL2 and PSTATE (C5.2.19): bits of a saved program status. */
export const spsrFields = {
  SPSR_M_EL0T: 0x0,
  SPSR_M_EL1T: 0x4,
  SPSR_M_EL1H: 0x5,
  SPSR_M_MASK: 0xf,
  SPSR_AARCH32: 0x10,
  SPSR_F: 0x40,
  SPSR_I: 0x80,
  SPSR_A: 0x100,
  SPSR_D: 0x200,
  SPSR_SSBS: 0x1000,
  SPSR_PAN: 0x40_0000,
  SPSR_UAO: 0x80_0000,
  SPSR_DIT: 0x100_0000,
  SPSR_TCO: 0x200_0000,
  /** DIT where the state is AArch32 (bits 26-24 are the IT block's then, and J). */
  SPSR_DIT32: 0x20_0000,
  SPSR_NZCV: 0xf000_0000,
  /** IT[7:2], IT[1:0] of AArch32, for skipping a conditional instruction. */
  SPSR_IT_MASK: 0x0600_fc00,
  SPSR_T32: 0x20,
};
