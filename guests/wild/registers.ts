// System registers and instructions that nobody gave to the guest: UNDEFINED, whether the CPU has them or not.

import * as sysreg from "../../build/guests/lib/sysreg";
import * as cpu from "../lib/hal/cpu";
import * as check from "./check";
import { LD64B, mrs, msr, PACGA, RDSVL, RDVL, SMSTART, SYS_C11 } from "../lib/encodings";

/** CPACR_EL1: EL1 itself traps no vector register, no SVE, no SME. */
const CPACR_ALL: u64 = (3 << 16) | (3 << 20) | (3 << 24);

function noRead(name: string, op0: u32, op1: u32, crn: u32, crm: u32, op2: u32): void {
  check.run(mrs(op0, op1, crn, crm, op2), 0, 0);
  check.undefined(name);
}
/** One in the space of ID registers, CRn 0: with FEAT_IDST (ID_AA64MMFR2_EL1.IDS) the exception says which register it was (D1.3.5). */
function noIdRead(name: string, op1: u32, crm: u32, op2: u32): void {
  const says = ((check.run(mrs(3, 0, 0, 7, 2), 0, 0) >> 36) & 15) != 0;
  check.run(mrs(3, op1, 0, crm, op2), 0, 0);
  if (says) check.trapped(name, (3 << 20) | (op2 << 17) | (op1 << 14) | (crm << 1) | 1);
  else check.undefined(name);
}
function noWrite(name: string, op0: u32, op1: u32, crn: u32, crm: u32, op2: u32): void {
  check.run(msr(op0, op1, crn, crm, op2), 0, 0);
  check.undefined(name);
}

/**
 * A register of the implementer's own that QEMU models on some CPUs. It must be UNDEFINED as well; but QEMU before 8.1 does not know HCR_EL2.TIDCP
 * and answers by itself there, always with the same value. So: if it can be read, then it holds nothing.
 */
function holdsNothing(name: string, op1: u32, crn: u32, crm: u32, op2: u32): void {
  const before = check.run(mrs(3, op1, crn, crm, op2), 0, 0);
  if (check.exceptions() != 0) {
    check.undefined(name);
    return;
  }
  check.run(msr(3, op1, crn, crm, op2), ~before, 0);
  check.value(name, check.run(mrs(3, op1, crn, crm, op2), 0, 0), before);
}

function implementationDefined(): void {
  noRead("read-implementation-defined", 3, 7, 15, 15, 7);
  noWrite("write-implementation-defined", 3, 7, 15, 15, 7);
  holdsNothing("l2ctlr", 1, 11, 0, 2);
  holdsNothing("l2ectlr", 1, 11, 0, 3);
  holdsNothing("cpuactlr", 1, 15, 2, 0);
  holdsNothing("cpuectlr", 1, 15, 2, 1);
  holdsNothing("cpumerrsr", 1, 15, 2, 2);
  noRead("read-s3-0-c11", 3, 0, 11, 0, 0);
  check.run(SYS_C11, 0, 0);
  check.undefined("sys-implementation-defined");
}

function unallocated(): void {
  noRead("read-unallocated", 3, 0, 3, 3, 3);
  noWrite("write-unallocated", 3, 0, 3, 3, 3);
  noRead("read-beyond-id-space", 3, 0, 0, 8, 0);
  noRead("read-beyond-id-space-end", 3, 0, 0, 15, 7);
  noWrite("write-id-register", 3, 0, 0, 4, 0);
}

/** The space of ID registers reads as zero where nothing is allocated (D17.3.1). */
function idSpace(): void {
  check.value("read-unallocated-id", check.run(mrs(3, 0, 0, 7, 7), 1, 0), 0);
  check.begin();
  for (let crm: u32 = 1; crm < 8; crm++) {
    for (let op2: u32 = 0; op2 < 8; op2++) check.run(mrs(3, 0, 0, crm, op2), 0, 0);
  }
  check.nothing("read-whole-id-space");
  const pfr0 = check.run(mrs(3, 0, 0, 4, 0), 0, 0);
  // AMU, MPAM, SVE, RAS, EL3, EL2.
  check.value("id-shows-nothing-hidden", pfr0 & 0x00000fff_f000ff00 & ~(0x0f00 as u64), 0);
}

function higherLevels(): void {
  noRead("read-sctlr-el2", 3, 4, 1, 0, 0);
  noWrite("write-hcr-el2", 3, 4, 1, 1, 0);
  noWrite("write-vttbr-el2", 3, 4, 2, 1, 0);
  noRead("read-sctlr-el12", 3, 5, 1, 0, 0);
  noRead("read-scr-el3", 3, 6, 1, 1, 0);
  noWrite("write-ich-hcr-el2", 3, 4, 12, 11, 0);
  noRead("read-ich-lr0-el2", 3, 4, 12, 12, 0);
  noWrite("write-cntvoff-el2", 3, 4, 14, 0, 3);
  noRead("read-cnthp-ctl-el2", 3, 4, 14, 2, 1);
}

function performance(): void {
  noRead("read-pmcr", 3, 3, 9, 12, 0);
  noWrite("write-pmcr", 3, 3, 9, 12, 0);
  noWrite("write-pmcntenset", 3, 3, 9, 12, 1);
  noRead("read-pmccntr", 3, 3, 9, 13, 0);
  noRead("read-pmevcntr0", 3, 3, 14, 8, 0);
  noWrite("write-pmccfiltr", 3, 3, 14, 15, 7);
  noWrite("write-pmintenset", 3, 0, 9, 14, 1);
  noRead("read-pmmir", 3, 0, 9, 14, 6);
  noRead("read-amcr", 3, 3, 13, 2, 0);
  noRead("read-amevcntr00", 3, 3, 13, 4, 0);
  noRead("read-pmscr", 3, 0, 9, 9, 0);
  noRead("read-trcprgctlr", 2, 1, 0, 1, 0);
  noRead("read-trfcr", 3, 0, 1, 2, 1);
}

function extensions(): void {
  noRead("read-zcr", 3, 0, 1, 2, 0);
  check.run(RDVL, 0, 0);
  check.undefined("sve-instruction");
  noRead("read-smcr", 3, 0, 1, 2, 6);
  noRead("read-svcr", 3, 3, 4, 2, 2);
  check.run(RDSVL, 0, 0);
  check.undefined("sme-instruction");
  check.run(SMSTART, 0, 0);
  check.undefined("sme-start");
  noRead("read-gcr", 3, 0, 1, 0, 6);
  noRead("read-rgsr", 3, 0, 1, 0, 5);
  noRead("read-tfsr", 3, 0, 5, 6, 0);
  noIdRead("read-gmid", 1, 0, 4);
  noRead("read-apiakeylo", 3, 0, 2, 1, 0);
  noWrite("write-apgakeyhi", 3, 0, 2, 3, 1);
  check.run(PACGA, 0, 0);
  check.undefined("pauth-instruction");
  check.run(LD64B, 0, 0);
  check.undefined("ld64b");
  noRead("read-lorc", 3, 0, 10, 4, 3);
  noRead("read-erridr", 3, 0, 5, 3, 0);
  noWrite("write-errselr", 3, 0, 5, 3, 1);
  noRead("read-scxtnum", 3, 0, 13, 0, 7);
  noRead("read-mpam0", 3, 0, 10, 5, 1);
}

function debugging(): void {
  noRead("read-dbgbvr5", 2, 0, 0, 5, 4);
  noWrite("write-dbgwcr7", 2, 0, 0, 7, 7);
  noWrite("write-dbgbcr15", 2, 0, 0, 15, 5);
  noRead("read-dbgdtr", 2, 3, 0, 4, 0);
}

export function cases(): void {
  sysreg.writeCpacrEl1(CPACR_ALL);
  cpu.isb();
  implementationDefined();
  unallocated();
  idSpace();
  higherLevels();
  performance();
  extensions();
  debugging();
}
