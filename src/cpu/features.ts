// What the CPU has, and what of it a guest sees: the ID registers (abi/sysregs.ts says which field is shown up to which value).

import {
  ID_AA64DFR0_SLOT,
  ID_AA64MMFR0_SLOT,
  ID_AA64MMFR1_SLOT,
  ID_AA64PFR0_SLOT,
  ID_AA64PFR1_SLOT,
  ID_LIMITS,
  idRegister,
} from "../../build/gen/id-registers";

const SLOTS: u32 = 64;
/** What guests read: a word a slot (CRm * 8 + op2). */
const visible: usize = memory.data(512, 8);

/** Each field of four bits: the lesser of the two. */
function least(value: u64, limit: u64): u64 {
  let result: u64 = 0;
  for (let shift: u64 = 0; shift < 64; shift += 4) {
    const have = (value >> shift) & 15;
    const may = (limit >> shift) & 15;
    result |= min<u64>(have, may) << shift;
  }
  return result;
}

/** Reads this CPU's ID registers and works out what guests see. */
export function init(): void {
  for (let slot: u32 = 0; slot < SLOTS; slot++) {
    store<u64>(visible + (slot << 3), least(idRegister(slot), load<u64>(ID_LIMITS + (slot << 3))));
  }
}

/** An ID register as a guest sees it. */
export function guestIdRegister(slot: u32): u64 {
  return load<u64>(visible + (slot << 3));
}

function field(slot: u32, shift: u32): u32 {
  return ((idRegister(slot) >> shift) & 15) as u32;
}

export function hasAmu(): bool {
  return field(ID_AA64PFR0_SLOT, 44) != 0;
}
export function hasRas(): bool {
  return field(ID_AA64PFR0_SLOT, 28) != 0;
}
/** Memory partitioning, by the major or the minor version. */
export function hasMpam(): bool {
  return field(ID_AA64PFR0_SLOT, 40) != 0 || field(ID_AA64PFR1_SLOT, 16) != 0;
}
export function hasSsbs(): bool {
  return field(ID_AA64PFR1_SLOT, 4) != 0;
}
/** The system-register interface of GICv3 or later. */
export function hasGicRegisters(): bool {
  return field(ID_AA64PFR0_SLOT, 24) != 0;
}
/** A PMU of the architecture (0xf is one of the implementer's own). */
export function hasPmu(): bool {
  const version = field(ID_AA64DFR0_SLOT, 8);
  return version != 0 && version != 15;
}
export function hasSpe(): bool {
  return field(ID_AA64DFR0_SLOT, 32) != 0;
}
export function hasTraceFilter(): bool {
  return field(ID_AA64DFR0_SLOT, 40) != 0;
}
export function hasLorRegions(): bool {
  return field(ID_AA64MMFR1_SLOT, 16) != 0;
}
export function hasPan(): bool {
  return field(ID_AA64MMFR1_SLOT, 20) != 0;
}
/** HCRX_EL2. */
export function hasExtendedControls(): bool {
  return field(ID_AA64MMFR1_SLOT, 40) != 0;
}
/** HFGRTR_EL2 and its like. */
export function hasFineTraps(): bool {
  return field(ID_AA64MMFR0_SLOT, 56) != 0;
}
/** VMIDs of 16 bits. */
export function hasWideVmids(): bool {
  return field(ID_AA64MMFR1_SLOT, 4) == 2;
}
/** ID_AA64MMFR0_EL1.PARange: the code of how many bits a physical address has. */
export function physicalRange(): u32 {
  return field(ID_AA64MMFR0_SLOT, 0);
}
