// A hunt for what other VMs leave in registers: each vCPU writes its own pattern everywhere, gives its CPU away, and must find its own again, never
// somebody else's.

import { HL_YIELD } from "../../build/gen/calls";
import { RAM_BASE, RAW_LOAD } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as access from "../lib/hal/access";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as image from "../lib/hal/image";
import * as instruction from "../lib/hal/instruction";
import { mrs, msr } from "../lib/encodings";
import * as facts from "../lib/facts";
import { VM_FACT_ID } from "../../build/gen/calls";
import * as places from "./places";
import * as stage from "./stage";

/** CPACR_EL1.FPEN: vector registers trap nowhere. */
const CPACR_FP: u64 = 3 << 20;
/** FPCR: a rounding mode. FPSR: the cumulative flags, and QC. */
const FPCR_MODE_SHIFT: u32 = 22;
const FPSR_FLAGS: u64 = 0x800001f;
/** Bits of PAR_EL1 and of a table's address. */
const ADDRESS: u64 = 0xfffffffff000;
/** How far apart looks into the RAM are. */
const STRIDE: u64 = 0x1000;

/** Lets this vCPU use the vector registers. */
export function ready(): void {
  sysreg.writeCpacrEl1(CPACR_FP);
  cpu.isb();
}

function write(value: u64): void {
  image.fillVectors(value);
  sysreg.writeFpcr((value & 3) << FPCR_MODE_SHIFT);
  sysreg.writeFpsr(value & FPSR_FLAGS);
  sysreg.writeTpidrEl0(value);
  sysreg.writeTpidrroEl0(value + 1);
  sysreg.writeTpidrEl1(value + 2);
  sysreg.writeContextidrEl1(value & 0xffffffff);
  sysreg.writeFarEl1(value + 3);
  sysreg.writeElrEl1(value + 4);
  sysreg.writeEsrEl1(value & 0xffffffff);
  sysreg.writeSpEl0(value + 5);
  sysreg.writeTtbr1El1(value & ADDRESS);
  sysreg.writeParEl1(value & ADDRESS);
  sysreg.writeCntvCvalEl0(value + 6);
  sysreg.writeCntpCvalEl0(value + 7);
}

/** Bits that differ from what was written. */
function differences(value: u64): u64 {
  return (
    image.vectorDifferences(value) |
    (sysreg.readFpcr() ^ ((value & 3) << FPCR_MODE_SHIFT)) |
    (sysreg.readFpsr() ^ (value & FPSR_FLAGS)) |
    (sysreg.readTpidrEl0() ^ value) |
    (sysreg.readTpidrroEl0() ^ (value + 1)) |
    (sysreg.readTpidrEl1() ^ (value + 2)) |
    (sysreg.readContextidrEl1() ^ (value & 0xffffffff)) |
    (sysreg.readFarEl1() ^ (value + 3)) |
    (sysreg.readElrEl1() ^ (value + 4)) |
    (sysreg.readEsrEl1() ^ (value & 0xffffffff)) |
    (sysreg.readSpEl0() ^ (value + 5)) |
    (sysreg.readTtbr1El1() ^ (value & ADDRESS)) |
    (sysreg.readParEl1() ^ (value & ADDRESS)) |
    (sysreg.readCntvCvalEl0() ^ (value + 6)) |
    (sysreg.readCntpCvalEl0() ^ (value + 7))
  );
}

/** DBGBVR0_EL1 and DBGWVR0_EL1: nobody's. What one VM writes there the next never reads. */
function debugging(value: u64): u64 {
  let found: u64 = 0;
  for (let op2: u32 = 4; op2 <= 6; op2 += 2) {
    found |= instruction.run(mrs(2, 0, 0, 0, op2), 0, 0, 0, 0);
    instruction.run(msr(2, 0, 0, 0, op2), value, 0, 0, 0);
  }
  return found;
}

/** Differs by VM, vCPU and round. */
function pattern(round: u64): u64 {
  const who = facts.ofVm(VM_FACT_ID) * 8 + cpu.number() + 1;
  return (who * 0x0101010101010100) ^ (round << 12);
}

export function hunt(): bool {
  let found: u64 = 0;
  for (let round: u64 = 0; stage.isOn(); round++) {
    const value = pattern(round);
    write(value);
    call.hvc(HL_YIELD, 0, 0, 0);
    cpu.relax();
    found |= differences(value);
    // One vCPU at a time can run an instruction of its choice.
    if (cpu.number() == 0) found |= debugging(value);
  }
  sysreg.writeTtbr1El1(0);
  return found == 0;
}

/** Leaves something everywhere, for whoever is next. */
export function soil(): void {
  write(0x6d61726b6d617200);
  for (let at = image.end() + 0x200000; at < places.ramEnd(); at += STRIDE) access.write64(at, at | 1);
}

/** What an earlier life has left in registers and RAM, or-ed. */
export function leftovers(): u64 {
  let found = image.leftovers() | sysreg.readCpacrEl1();
  ready();
  found |= image.vectorLeftovers();
  found |= sysreg.readTpidrEl0() | sysreg.readTpidrroEl0() | sysreg.readTpidrEl1() | sysreg.readContextidrEl1();
  found |= sysreg.readTtbr1El1() | sysreg.readCntvCvalEl0() | sysreg.readCntpCvalEl0();
  for (let at = image.end() + 0x200000; at < places.ramEnd(); at += STRIDE) found |= access.read64(at);
  return found | access.read64(places.ramEnd() - 8) | access.read64((RAM_BASE as u64) + RAW_LOAD - 8);
}
