// A page-table walker as the Arm Architecture Reference Manual (DDI 0487) describes it, written without a look at src/: what an address means to the
// CPU, given the tables in memory and the controlling registers. 4 KiB granule, little-endian tables, no FEAT_LPA.
//
// D8.2.6 (walk, 4 KiB granule), D8.3.1 (descriptor formats), D8.4.2 (stage-1 permissions), D8.4.4 (stage-2 permissions), D24.2.181 (VTCR_EL2).

import { bit, bits, hex, lowHalf } from "./words.ts";

export type Read64 = (pa: number) => bigint;

/** A leaf that an address was found in. */
export interface Leaf {
  /** First input address and size of the block or page. */
  readonly input: number;
  readonly size: number;
  /** First output address. */
  readonly output: number;
  readonly level: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  /** Stage 1: the MAIR_EL2 byte; stage 2: MemAttr[3:0]. */
  readonly memory: number;
  /** 0 non-shareable, 2 outer, 3 inner. */
  readonly shareability: number;
}

export type FaultKind = "translation" | "access flag" | "permission" | "address size";

export interface Fault {
  readonly fault: FaultKind;
  readonly level: number;
}

/** A descriptor that the architecture does not allow as it is: reserved bits that are set. */
export class Malformed extends Error {}

/** Fault status codes (D24.2.40): kind in bits 5-2, level in bits 1-0. */
const codes: Record<FaultKind, number> = { "address size": 0x00, translation: 0x04, "access flag": 0x08, permission: 0x0c };
export const faultStatus = ({ fault, level }: Fault): number => codes[fault] | level;

/** What is the same for both stages. */
interface Regime {
  readonly root: number;
  /** The first input address that is too large, and the level at which the walk starts. */
  readonly inputEnd: number;
  readonly startLevel: number;
  /** The first output address that is too large. */
  readonly outputEnd: number;
  readonly leaf: (descriptor: bigint) => Pick<Leaf, "read" | "write" | "execute" | "memory" | "shareability">;
  readonly read64: Read64;
}

const shiftOf = (level: number): number => 12 + 9 * (3 - level);
const SIZES = [0, 1, 2, 3].map((level) => 2 ** shiftOf(level));
const sizeOf = (level: number): number => SIZES[level]!;

type Entry = { readonly table: number } | { readonly leaf: Leaf } | Fault;

/** The same answer every time, made once. */
const faults = (fault: FaultKind): readonly Fault[] => [0, 1, 2, 3].map((level) => ({ fault, level }));
const TRANSLATION = faults("translation");
const ADDRESS_SIZE = faults("address size");
const ACCESS_FLAG = faults("access flag");

const KIND = 3;
const TABLE = 3;
/** The address in a descriptor. */
const outputOf = (descriptor: bigint): number => bits(descriptor, 47, 12) * 4096;

/** What the descriptor at `level` for the input range from `input` on means. */
const decode = (regime: Regime, descriptor: bigint, level: number, input: number): Entry => {
  if (!bit(descriptor, 0)) return TRANSLATION[level]!;
  const second = bit(descriptor, 1);
  const output = outputOf(descriptor);
  if (output >= regime.outputEnd) return ADDRESS_SIZE[level]!;
  if (level < 3 && second) return { table: output };
  // Level 0 has no blocks with this granule; at level 3 a zero in bit 1 is reserved.
  if (level === 0 || (level === 3 && !second)) return TRANSLATION[level]!;
  const size = sizeOf(level);
  if (output % size !== 0) throw new Malformed(`a block at level ${level} with output ${hex(output)}`);
  if (bits(descriptor, 50, 48) !== 0) throw new Malformed(`reserved bits in descriptor ${hex(descriptor)}`);
  if (!bit(descriptor, 10)) return ACCESS_FLAG[level]!;
  return { leaf: { input, size, output, level, ...regime.leaf(descriptor) } };
};

const walk = (regime: Regime, address: number): Leaf | Fault => {
  if (address >= regime.inputEnd) return TRANSLATION[0]!;
  let table = regime.root;
  let top = regime.inputEnd;
  for (let level = regime.startLevel; ; level++) {
    const size = sizeOf(level);
    const index = Math.floor((address % top) / size);
    const descriptor = regime.read64(table + index * 8);
    // On the way down nothing is made but the answer at its end.
    if (level < 3 && (lowHalf(descriptor) & KIND) === TABLE) {
      table = outputOf(descriptor);
      if (table >= regime.outputEnd) return ADDRESS_SIZE[level]!;
      top = size;
      continue;
    }
    const entry = decode(regime, descriptor, level, address - (address % size));
    return "leaf" in entry ? entry.leaf : (entry as Fault);
  }
};

/** Every leaf below a table, in the order of input addresses. */
function* leavesOf(regime: Regime, table: number, level: number, input: number, entries: number): Generator<Leaf> {
  for (let index = 0; index < entries; index++) {
    const at = input + index * sizeOf(level);
    const entry = decode(regime, regime.read64(table + index * 8), level, at);
    if ("leaf" in entry) yield entry.leaf;
    else if ("table" in entry) yield* leavesOf(regime, entry.table, level + 1, at, 512);
    else if (entry.fault !== "translation") throw new Malformed(`${entry.fault} fault at ${hex(at)}`);
  }
}

const leaves = (regime: Regime): Generator<Leaf> =>
  leavesOf(regime, regime.root, regime.startLevel, 0, regime.inputEnd / sizeOf(regime.startLevel));

const PHYSICAL_BITS = [32, 36, 40, 42, 44, 48];

/** Stage 2 as VTCR_EL2 and VTTBR_EL2 describe it. */
const stage2Regime = (vtcr: bigint, vttbr: bigint, read64: Read64): Regime => {
  if (bits(vtcr, 15, 14) !== 0) throw new Malformed("VTCR_EL2.TG0 is not 4 KiB");
  const inputBits = 64 - bits(vtcr, 5, 0);
  // SL0 with a 4 KiB granule: 0 starts at level 2, 1 at level 1, 2 at level 0; up to 16 tables stand side by side at the start level.
  const startLevel = 2 - bits(vtcr, 7, 6);
  const startBits = inputBits - shiftOf(startLevel);
  if (startLevel < 0 || startBits < 1 || startBits > 13) throw new Malformed("VTCR_EL2.SL0 does not go with T0SZ");
  const outputBits = PHYSICAL_BITS[bits(vtcr, 18, 16)];
  if (outputBits === undefined || inputBits > outputBits) throw new Malformed("VTCR_EL2.PS does not go with T0SZ");
  const root = bits(vttbr, 47, 1) * 2;
  if (root % (8 * 2 ** startBits) !== 0) throw new Malformed("VTTBR_EL2 is not aligned at the size of the first table");
  return {
    root,
    inputEnd: 2 ** inputBits,
    startLevel,
    outputEnd: 2 ** outputBits,
    read64,
    // S2AP in bits 7-6: read, write. XN in bit 54, bit 53 reserved without FEAT_XNX.
    leaf: (descriptor) => ({
      read: bit(descriptor, 6),
      write: bit(descriptor, 7),
      execute: bit(descriptor, 6) && !bit(descriptor, 54),
      memory: bits(descriptor, 5, 2),
      shareability: bits(descriptor, 9, 8),
    }),
  };
};

/** The regime that was used last: one walk after the other goes through the same tables. */
let last: { readonly vtcr: bigint; readonly vttbr: bigint; readonly read64: Read64; readonly regime: Regime } | undefined;

/** Where an IPA leads. */
export const walkStage2 = (vtcr: bigint, vttbr: bigint, ipa: number, read64: Read64): Leaf | Fault => {
  if (last === undefined || last.vttbr !== vttbr || last.vtcr !== vtcr || last.read64 !== read64)
    last = { vtcr, vttbr, read64, regime: stage2Regime(vtcr, vttbr, read64) };
  return walk(last.regime, ipa);
};

/** Everything that a VM can reach. */
export const stage2Leaves = (vtcr: bigint, vttbr: bigint, read64: Read64): Leaf[] => [
  ...leaves(stage2Regime(vtcr, vttbr, read64)),
];

export interface Stage1Registers {
  readonly tcr: bigint;
  readonly ttbr0: bigint;
  readonly mair: bigint;
  readonly sctlr: bigint;
}

/** Stage 1 of EL2 with E2H = 0: one range of addresses, one privilege level. */
const stage1Regime = ({ tcr, ttbr0, mair, sctlr }: Stage1Registers, read64: Read64): Regime => {
  if (bits(tcr, 15, 14) !== 0) throw new Malformed("TCR_EL2.TG0 is not 4 KiB");
  const inputBits = 64 - bits(tcr, 5, 0);
  const startLevel = 4 - Math.ceil((inputBits - 12) / 9);
  return {
    root: bits(ttbr0, 47, 1) * 2,
    inputEnd: 2 ** inputBits,
    startLevel,
    outputEnd: 2 ** (PHYSICAL_BITS[bits(tcr, 18, 16)] ?? 48),
    read64,
    // AP[2] in bit 7: read-only. AP[1] is RES1 here. XN in bit 54; SCTLR_EL2.WXN (bit 19) makes what is writable execute-never.
    leaf: (descriptor) => {
      const write = !bit(descriptor, 7);
      if (!bit(descriptor, 6)) throw new Malformed("AP[1] is RES1 at EL2");
      return {
        read: true,
        write,
        execute: !bit(descriptor, 54) && !(write && bit(sctlr, 19)),
        memory: Number((mair >> BigInt(8 * bits(descriptor, 4, 2))) & 0xffn),
        shareability: bits(descriptor, 9, 8),
      };
    },
  };
};

/** Where a virtual address of EL2 leads. */
export const walkStage1 = (registers: Stage1Registers, va: number, read64: Read64): Leaf | Fault =>
  walk(stage1Regime(registers, read64), va);

/** Everything that EL2 can reach. */
export const stage1Leaves = (registers: Stage1Registers, read64: Read64): Leaf[] => [...leaves(stage1Regime(registers, read64))];
