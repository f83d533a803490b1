// Exceptions that a guest is given at its EL1, as the CPU itself would take them (Arm ARM D1.3, AArch64.TakeException; R_DMRRF for PSTATE).

import { SCTLR_DSSBS, SCTLR_SPAN } from "../../build/gen/controls";
import {
  EC_DABT_LOWER,
  EC_DABT_SAME,
  EC_IABT_LOWER,
  EC_IABT_SAME,
  EC_UNKNOWN,
  ESR_EC_SHIFT,
  ESR_IL,
  SPSR_A,
  SPSR_AARCH32,
  SPSR_D,
  SPSR_DIT,
  SPSR_DIT32,
  SPSR_F,
  SPSR_I,
  SPSR_M_EL0T,
  SPSR_M_EL1H,
  SPSR_M_EL1T,
  SPSR_M_MASK,
  SPSR_NZCV,
  SPSR_PAN,
  SPSR_SSBS,
  SPSR_TCO,
} from "../../build/gen/esr";
import { VcpuFrame } from "../../build/gen/records";
import * as sysreg from "../hal/sysreg";
import * as features from "./features";

/** Whether the guest was at its EL0. */
export function fromEl0(frame: VcpuFrame): bool {
  return (frame.spsr & (SPSR_AARCH32 | SPSR_M_MASK)) == SPSR_M_EL0T || (frame.spsr & SPSR_AARCH32) != 0;
}

/** Takes a synchronous exception to EL1 with that syndrome: state is saved in the guest's registers, the vCPU goes on at its vector. */
function take(frame: VcpuFrame, esr: u64): void {
  const old = frame.spsr;
  let vector: u64 = 0x000;
  if ((old & SPSR_AARCH32) != 0) vector = 0x600;
  else if ((old & SPSR_M_MASK) == SPSR_M_EL0T) vector = 0x400;
  else if ((old & SPSR_M_MASK) != SPSR_M_EL1T) vector = 0x200;

  sysreg.writeEsrEl1(esr);
  sysreg.writeElrEl1(frame.elr);
  sysreg.writeSpsrEl1(old);

  const sctlr = sysreg.readSctlrEl1();
  let fresh: u64 = SPSR_D | SPSR_A | SPSR_I | SPSR_F | SPSR_M_EL1H;
  // Flags and DIT stay; SS, IL, UAO and BTYPE are cleared; PAN is set unless SCTLR_EL1.SPAN; SSBS comes from SCTLR_EL1.DSSBS.
  fresh |= old & (SPSR_NZCV | SPSR_PAN);
  fresh |= (old & SPSR_AARCH32) != 0 ? (old & SPSR_DIT32) << 3 : old & (SPSR_DIT | SPSR_TCO);
  if (features.hasPan() && (sctlr & SCTLR_SPAN) == 0) fresh |= SPSR_PAN;
  if (features.hasSsbs() && (sctlr & SCTLR_DSSBS) != 0) fresh |= SPSR_SSBS;
  frame.spsr = fresh;
  frame.elr = sysreg.readVbarEl1() + vector;
}

/** UNDEFINED: what the guest did does not exist for it. */
export function undefined(frame: VcpuFrame): void {
  take(frame, ((EC_UNKNOWN as u64) << ESR_EC_SHIFT) | ESR_IL);
}

/** A synchronous external abort on data or a fetch at `address`. `status` is a fault status code of the external kind. */
export function externalAbort(frame: VcpuFrame, fetch: bool, address: u64, il: u64, status: u32): void {
  const lower = fromEl0(frame);
  const data = lower ? EC_DABT_LOWER : EC_DABT_SAME;
  const instruction = lower ? EC_IABT_LOWER : EC_IABT_SAME;
  sysreg.writeFarEl1(address);
  take(frame, (((fetch ? instruction : data) as u64) << ESR_EC_SHIFT) | il | status);
}
