// How EL2 is set up for guests: what traps, and what a guest's registers are at its start.

import {
  CNT_CTL_ENABLE,
  CNT_CTL_IMASK,
  CNT_CTL_ISTATUS,
  CPTR_RES1,
  CPTR_TAM,
  CPTR_TFP,
  CPTR_TTA,
  HCR_AMO,
  HCR_BSU_INNER,
  HCR_FB,
  HCR_FMO,
  HCR_IMO,
  HCR_RW,
  HCR_SWIO,
  HCR_TACR,
  HCR_TERR,
  HCR_TID3,
  HCR_TIDCP,
  HCR_TLOR,
  HCR_TSC,
  HCR_TWI,
  HCR_VM,
  HCR_VSE,
  MDCR_HPMN_MASK,
  MDCR_TDA,
  MDCR_TDOSA,
  MDCR_TDRA,
  MDCR_TPM,
  MDCR_TPMCR,
  MDCR_TPMS,
  MDCR_TTRF,
  MPAM2_TRAPS,
  SCTLR_EL1_RESET,
  VTCR_BASE,
  VTCR_PS_SHIFT,
  VTCR_VS,
} from "../../build/gen/controls";
import { SPSR_A, SPSR_D, SPSR_F, SPSR_I, SPSR_M_EL1H } from "../../build/gen/esr";
import { VcpuFrame } from "../../build/gen/records";
import * as barrier from "../hal/barrier";
import * as sysreg from "../hal/sysreg";
import * as tlb from "../hal/tlb";
import * as features from "./features";

/** CPTR_EL2 for a guest; `fp`: it may use the vector registers. */
function cptr(fp: bool): u64 {
  return ((CPTR_RES1 | CPTR_TTA) as u64) | (features.hasAmu() ? CPTR_TAM : 0) | (fp ? 0 : CPTR_TFP);
}

/** Opens or closes the vector registers for the guest, and for EL2. */
export function setFp(open: bool): void {
  sysreg.writeCptrEl2(cptr(open));
  barrier.isb();
}

/**
 * Controls whose reset values are UNKNOWN, of extensions that guests do not see: all off. With fine-grained traps, what has an inverted ("n") bit
 * traps.
 */
function closeExtensions(): void {
  if (features.hasExtendedControls()) sysreg.writeHcrxEl2(0);
  if (features.hasFineTraps()) {
    sysreg.writeHfgrtrEl2(0);
    sysreg.writeHfgwtrEl2(0);
    sysreg.writeHfgitrEl2(0);
    sysreg.writeHdfgrtrEl2(0);
    sysreg.writeHdfgwtrEl2(0);
    if (features.hasAmu()) sysreg.writeHafgrtrEl2(0);
  }
  if (features.hasMpam()) sysreg.writeMpam2El2(MPAM2_TRAPS);
  if (features.hasRas()) sysreg.writeVsesrEl2(0);
  // No breakpoint, watchpoint or step that a loader has left: the guest's MDSCR_EL1 is its record's.
  sysreg.writeMdscrEl1(0);
}

/** Everything that is the same for all guests of this CPU. */
export function init(): void {
  sysreg.writeHcrEl2(
    HCR_VM |
      HCR_SWIO |
      HCR_FMO |
      HCR_IMO |
      HCR_AMO |
      HCR_FB |
      HCR_BSU_INNER |
      HCR_TID3 |
      HCR_TSC |
      HCR_TIDCP |
      HCR_TACR |
      HCR_RW |
      (features.hasLorRegions() ? HCR_TLOR : 0) |
      (features.hasRas() ? HCR_TERR : 0),
  );
  sysreg.writeHstrEl2(0);
  sysreg.writeHacrEl2(0);
  // No PMU, trace, SPE or debug register is the guest's; all of the PMU's counters stay ours.
  const counters: u64 = features.hasPmu() ? (sysreg.readPmcrEl0() >> 11) & MDCR_HPMN_MASK : 0;
  sysreg.writeMdcrEl2(
    counters |
      ((MDCR_TDRA | MDCR_TDOSA | MDCR_TDA) as u64) |
      (features.hasPmu() ? MDCR_TPM | MDCR_TPMCR : 0) |
      (features.hasSpe() ? MDCR_TPMS : 0) |
      (features.hasTraceFilter() ? MDCR_TTRF : 0),
  );
  closeExtensions();
  // The physical counter and timer trap.
  sysreg.writeCnthctlEl2(0);
  sysreg.writeVtcrEl2(
    (VTCR_BASE as u64) |
      ((min<u32>(features.physicalRange(), 5) as u64) << VTCR_PS_SHIFT) |
      (features.hasWideVmids() ? VTCR_VS : 0),
  );
  sysreg.writeVpidrEl2(sysreg.readMidrEl1());
  // Nobody is there yet for whom a loader's timer could fire.
  stopVirtualTimer();
  setFp(false);
  // No translation of anybody's is left from before (D8.14): nothing ran under these VMIDs yet.
  barrier.dsbIshst();
  tlb.alle1is();
  barrier.dsbIsh();
  barrier.isb();
}

/** The registers that a vCPU has when it is switched on (Linux: arm64/booting.rst; PSCI, 6.4): everything that is not named is zero. */
export function resetFrame(frame: VcpuFrame, entry: u64, argument: u64): void {
  memory.fill(changetype<usize>(frame), 0, offsetof<VcpuFrame>());
  frame.x0 = argument;
  frame.elr = entry;
  frame.spsr = SPSR_D | SPSR_A | SPSR_I | SPSR_F | SPSR_M_EL1H;
  frame.sctlrEl1 = SCTLR_EL1_RESET;
}

/**
 * Makes the guest's memory, identity and time those of this VM and vCPU; `serror`: a virtual SError waits for it. The other registers follow. `root` without
 * anything in it, and VMID 0, is nobody's.
 */
export function select(root: u64, vmid: u32, mpidr: u64, countOffset: u64, serror: bool): void {
  const controls = sysreg.readHcrEl2();
  if (((controls & HCR_VSE) != 0) != serror) sysreg.writeHcrEl2(controls ^ HCR_VSE);
  // With RAS, what the former guest has put into its DISR_EL1, though it is not shown that there is one.
  if ((controls & HCR_TERR) != 0) sysreg.writeVdisrEl2(0);
  sysreg.writeVttbrEl2(root | ((vmid as u64) << 48));
  sysreg.writeVmpidrEl2(mpidr);
  sysreg.writeCntvoffEl2(countOffset);
  barrier.isb();
}

/** Whether a virtual SError waits for the guest. */
export function hasSerror(): bool {
  return (sysreg.readHcrEl2() & HCR_VSE) != 0;
}

/** The guest's virtual timer does not fire. */
export function stopVirtualTimer(): void {
  sysreg.writeCntvCtlEl0(0);
}

/** Lets the guest's WFI trap, or not. It is in force from the entry into the guest on. */
export function trapWfi(on: bool): void {
  const controls = sysreg.readHcrEl2() & ~HCR_TWI;
  sysreg.writeHcrEl2(on ? controls | HCR_TWI : controls);
}

/**
 * Empties this CPU's TLB of the selected VM's stage 1: another of its vCPUs ran here, whose ASIDs may mean something else (a vCPU may take its TLB for
 * its own while HCR_EL2.FB only widens what it invalidates).
 */
export function forgetOtherVcpu(): void {
  tlb.vmalle1();
  barrier.dsbNsh();
}

/** Whether the guest's virtual timer asserts its line: enabled, not masked, condition met (D11.2.4). */
export function virtualTimerFires(): bool {
  return (sysreg.readCntvCtlEl0() & 7) == ((CNT_CTL_ENABLE | CNT_CTL_ISTATUS) as u64);
}

/** The same right after it was loaded with these controls: its status follows from its compare value behind an ISB alone (D24.1.2). */
export function loadedTimerFires(control: u64): bool {
  if ((control & ((CNT_CTL_ENABLE | CNT_CTL_IMASK) as u64)) != (CNT_CTL_ENABLE as u64)) return false;
  barrier.isb();
  return virtualTimerFires();
}
