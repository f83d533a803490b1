// What is a CPU's own stays its own while it changes places with others: vector registers, and the system registers of EL1 that software keeps.

import { HL_YIELD } from "../../build/gen/calls";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as image from "../lib/hal/image";
import * as interrupts from "./interrupts";

/** Microseconds of sleep in each round. */
const NAP: u64 = 50;
/** FPCR: a rounding mode. FPSR: the cumulative flags, and QC. */
const FPCR_MODE_SHIFT: u32 = 22;
const FPSR_FLAGS: u64 = 0x800001f;
/** Bits of PAR_EL1 that mean nothing to the CPU: the address of a translation that worked. */
const PAR_ADDRESS: u64 = 0xfffffffff000;

/** Differs by CPU and round. */
function pattern(round: u64): u64 {
  return (((cpu.number() as u64) + 1) * 0x1111111111111111) ^ (round << 40);
}

/** Makes this CPU change places, if there is somebody to change with. */
function exchange(): void {
  call.hvc(HL_YIELD, 0, 0, 0);
  interrupts.pause(NAP);
}

/** Returns what was found different, or-ed. */
export function vectors(rounds: u32): u64 {
  let differences: u64 = 0;
  for (let round: u32 = 0; round < rounds; round++) {
    const value = pattern(round);
    const mode = (value & 3) << FPCR_MODE_SHIFT;
    const flags = value & FPSR_FLAGS;
    image.fillVectors(value);
    sysreg.writeFpcr(mode);
    sysreg.writeFpsr(flags);
    exchange();
    differences |= image.vectorDifferences(value);
    differences |= sysreg.readFpcr() ^ mode;
    differences |= sysreg.readFpsr() ^ flags;
  }
  return differences;
}

/** Likewise. Interrupts are masked but for the moment in which what was pending is let in, so ELR_EL1 and ESR_EL1 are looked at before. */
export function registers(rounds: u32): u64 {
  let differences: u64 = 0;
  for (let round: u32 = 0; round < rounds; round++) {
    const value = pattern(round);
    const address = value & PAR_ADDRESS;
    sysreg.writeElrEl1(value);
    sysreg.writeEsrEl1(value & 0xffffffff);
    sysreg.writeTpidrEl0(value);
    sysreg.writeTpidrroEl0(value + 1);
    sysreg.writeTpidrEl1(value + 2);
    sysreg.writeContextidrEl1(value & 0xffffffff);
    sysreg.writeFarEl1(value + 3);
    sysreg.writeSpEl0(value + 4);
    sysreg.writeTtbr1El1(address);
    sysreg.writeParEl1(address);
    call.hvc(HL_YIELD, 0, 0, 0);
    differences |= sysreg.readElrEl1() ^ value;
    differences |= sysreg.readEsrEl1() ^ (value & 0xffffffff);
    exchange();
    differences |= sysreg.readTpidrEl0() ^ value;
    differences |= sysreg.readTpidrroEl0() ^ (value + 1);
    differences |= sysreg.readTpidrEl1() ^ (value + 2);
    differences |= sysreg.readContextidrEl1() ^ (value & 0xffffffff);
    differences |= sysreg.readFarEl1() ^ (value + 3);
    differences |= sysreg.readSpEl0() ^ (value + 4);
    differences |= sysreg.readTtbr1El1() ^ address;
    differences |= sysreg.readParEl1() ^ address;
  }
  return differences;
}
