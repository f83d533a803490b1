// The system registers that guests reach by name (Arm ARM DDI 0487, D24; GIC: IHI 0069, 12.2). tool/chain/guests.ts makes the module
// `sysreg` from this list, for TypeScript and for C. Any other register is reached by its encoding: see probe.ts.

export interface GuestRegister {
  name: string;
  access: "r" | "w" | "rw";
  /** For a name that the assembler may not know: its S<op0>_<op1>_<Cn>_<Cm>_<op2> form. */
  encoding?: string;
}

const reg = (name: string, access: GuestRegister["access"], encoding?: string): GuestRegister =>
  encoding === undefined ? { name, access } : { name, access, encoding };

export const guestRegisters: GuestRegister[] = [
  // the CPU
  reg("MIDR_EL1", "r"),
  reg("MPIDR_EL1", "r"),
  reg("ID_AA64PFR0_EL1", "r"),
  reg("CPACR_EL1", "rw"),
  // translation
  reg("SCTLR_EL1", "rw"),
  reg("MAIR_EL1", "rw"),
  reg("TCR_EL1", "rw"),
  reg("TTBR0_EL1", "rw"),
  reg("TTBR1_EL1", "rw"),
  reg("VBAR_EL1", "rw"),
  // what software keeps there
  reg("TPIDR_EL0", "rw"),
  reg("TPIDRRO_EL0", "rw"),
  reg("TPIDR_EL1", "rw"),
  reg("CONTEXTIDR_EL1", "rw"),
  reg("PAR_EL1", "rw"),
  reg("ESR_EL1", "rw"),
  reg("FAR_EL1", "rw"),
  reg("ELR_EL1", "rw"),
  reg("SP_EL0", "rw"),
  reg("FPCR", "rw", "S3_3_C4_C4_0"),
  reg("FPSR", "rw", "S3_3_C4_C4_1"),
  // time
  reg("CNTFRQ_EL0", "r"),
  reg("CNTVCT_EL0", "r"),
  reg("CNTPCT_EL0", "r"),
  reg("CNTV_CTL_EL0", "rw"),
  reg("CNTV_CVAL_EL0", "rw"),
  reg("CNTV_TVAL_EL0", "rw"),
  reg("CNTP_CTL_EL0", "rw"),
  reg("CNTP_CVAL_EL0", "rw"),
  reg("CNTP_TVAL_EL0", "rw"),
  reg("CNTKCTL_EL1", "rw"),
  // GIC CPU interface
  reg("ICC_SRE_EL1", "rw", "S3_0_C12_C12_5"),
  reg("ICC_PMR_EL1", "rw", "S3_0_C4_C6_0"),
  reg("ICC_BPR1_EL1", "rw", "S3_0_C12_C12_3"),
  reg("ICC_CTLR_EL1", "rw", "S3_0_C12_C12_4"),
  reg("ICC_IGRPEN1_EL1", "rw", "S3_0_C12_C12_7"),
  reg("ICC_IAR1_EL1", "r", "S3_0_C12_C12_0"),
  reg("ICC_HPPIR1_EL1", "r", "S3_0_C12_C12_2"),
  reg("ICC_EOIR1_EL1", "w", "S3_0_C12_C12_1"),
  reg("ICC_SGI1R_EL1", "w", "S3_0_C12_C11_5"),
];
