// CPUs that the simulated board can have: what their identification registers say. Values of the Cortex-A57 are those of its manual (DDI 0488, 4.3);
// "max" has one of everything that a hypervisor must hide or pass on.

import { MASK_64 } from "./words.ts";

export interface CpuModel {
  readonly name: string;
  readonly midr: bigint;
  readonly pmcr: bigint;
  /** By name; those that are not here are zero. */
  readonly id: Readonly<Record<string, bigint>>;
  readonly listRegisters: number;
  /** Bits of priority, and of preemption, of the virtual CPU interface: 5 to 7. */
  readonly priorityBits: number;
}

const aarch32 = {
  ID_PFR0_EL1: 0x0000_0131n,
  ID_PFR1_EL1: 0x1001_1011n,
  ID_DFR0_EL1: 0x0301_0066n,
  ID_MMFR0_EL1: 0x1010_1105n,
  ID_MMFR1_EL1: 0x4000_0000n,
  ID_MMFR2_EL1: 0x0126_0000n,
  ID_MMFR3_EL1: 0x0210_2211n,
  ID_ISAR0_EL1: 0x0210_1110n,
  ID_ISAR1_EL1: 0x1311_2111n,
  ID_ISAR2_EL1: 0x2123_2042n,
  ID_ISAR3_EL1: 0x0111_2131n,
  ID_ISAR4_EL1: 0x0001_1142n,
  ID_ISAR5_EL1: 0x0001_1121n,
  MVFR0_EL1: 0x1011_0222n,
  MVFR1_EL1: 0x1211_1111n,
  MVFR2_EL1: 0x43n,
};

export const cortexA57: CpuModel = {
  name: "cortex-a57",
  midr: 0x411f_d070n,
  pmcr: 0x4101_3000n,
  id: {
    ...aarch32,
    ID_AA64PFR0_EL1: 0x0100_2222n,
    ID_AA64DFR0_EL1: 0x1030_5106n,
    ID_AA64ISAR0_EL1: 0x0001_1120n,
    ID_AA64MMFR0_EL1: 0x0000_1124n,
  },
  listRegisters: 4,
  priorityBits: 5,
};

export const max: CpuModel = {
  name: "max",
  midr: 0x000f_0510n,
  pmcr: 0x0000_3000n,
  id: {
    ...aarch32,
    ID_MMFR4_EL1: 0x0021_1110n,
    ID_ISAR6_EL1: 0x0111_1111n,
    ID_PFR2_EL1: 0x0000_0121n,
    // CSV3 1, CSV2 2, DIT 1, AMU 1, MPAM 1, SEL2 1, SVE 1, RAS 2, GIC 1, SIMD 1, FP 1, EL3 to EL0 2
    ID_AA64PFR0_EL1: 0x1201_1111_2111_2222n,
    // SME 1, MTE 3, SSBS 2, BTI 1
    ID_AA64PFR1_EL1: 0x0000_0000_0100_0321n,
    // trace filter 1, double lock 0xf, SPE 1, PMU 6, trace 1, debug 9
    ID_AA64DFR0_EL1: 0x0000_01f1_1030_5619n,
    // RNDR, TLBI range, TME, atomics and the cryptography
    ID_AA64ISAR0_EL1: 0x1221_1111_1121_2120n,
    // LS64, XS, pointer authentication by the architected algorithm
    ID_AA64ISAR1_EL1: 0x1110_1111_0121_1052n,
    // MOPS, pointer authentication, WFxT
    ID_AA64ISAR2_EL1: 0x0000_0000_1111_1012n,
    // ECV, FGT, 52-bit physical addresses
    ID_AA64MMFR0_EL1: 0x1100_0000_0010_1126n,
    // HCX, ETS, XNX, PAN 3, LORegions, VHE, 16-bit VMIDs
    ID_AA64MMFR1_EL1: 0x0000_0110_1031_1122n,
    // nested virtualization, IESB and what goes with v8.4
    ID_AA64MMFR2_EL1: 0x1221_0111_1201_1011n,
  },
  listRegisters: 16,
  priorityBits: 7,
};

/** The field of an ID register without which a register of EL2 is UNDEFINED: its lowest bit. */
const fields = {
  AMU: ["ID_AA64PFR0_EL1", 44],
  FGT: ["ID_AA64MMFR0_EL1", 56],
  HCX: ["ID_AA64MMFR1_EL1", 40],
  MPAM: ["ID_AA64PFR0_EL1", 40],
  MPAM_FRAC: ["ID_AA64PFR1_EL1", 16],
  RAS: ["ID_AA64PFR0_EL1", 28],
} as const;
type Field = keyof typeof fields;

/** Controls of extensions, whose reset values are UNKNOWN: each needs one field of every group. */
export const extensionControls: Readonly<Record<string, readonly (readonly Field[])[]>> = {
  HCRX_EL2: [["HCX"]],
  HFGRTR_EL2: [["FGT"]],
  HFGWTR_EL2: [["FGT"]],
  HFGITR_EL2: [["FGT"]],
  HDFGRTR_EL2: [["FGT"]],
  HDFGWTR_EL2: [["FGT"]],
  HAFGRTR_EL2: [["FGT"], ["AMU"]],
  MPAM2_EL2: [["MPAM", "MPAM_FRAC"]],
  VSESR_EL2: [["RAS"]],
  VDISR_EL2: [["RAS"]],
};

/** ID_AA64DFR0_EL1.PMUVer: 0 is no PMU, 0xf one that is not the architecture's. */
const hasPmu = (id: CpuModel["id"]): boolean => ![0n, 15n].includes(((id.ID_AA64DFR0_EL1 ?? 0n) >> 8n) & 15n);

/** Whether a CPU has a register. */
export const hasRegister = ({ id }: CpuModel, name: string): boolean =>
  (name !== "PMCR_EL0" || hasPmu(id)) &&
  (extensionControls[name] ?? []).every((group) =>
    group.some((field) => {
      const [register, shift] = fields[field];
      return ((id[register] ?? 0n) >> BigInt(shift)) % 16n !== 0n;
    }),
  );

/** Every field at its largest: what a CPU of the far future may say. */
export const future: CpuModel = {
  ...max,
  name: "future",
  id: Object.fromEntries(Object.keys(max.id).map((name) => [name, MASK_64])),
};
