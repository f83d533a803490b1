// Trapped accesses to system registers (Arm ARM D24.2.40, ISS of EC 0x18). What a guest was not given is UNDEFINED.
//
//   21 20 19 17 16 14 13 10 9  5 4  1  0
//  | Op0 | Op2 | Op1 | CRn | Rt |CRm |Dir|   Dir 1: a read

import { IN_TRAPS } from "../../build/gen/console";
import {
  SYS_ACTLR_EL1,
  SYS_CNTPCT_EL0,
  SYS_CNTP_CTL_EL0,
  SYS_CNTP_CVAL_EL0,
  SYS_CNTP_TVAL_EL0,
  SYS_ICC_ASGI1R_EL1,
  SYS_ICC_SGI0R_EL1,
  SYS_ICC_SGI1R_EL1,
  SYS_MDSCR_EL1,
  SYS_OSLSR_EL1,
} from "../../build/gen/trapped";
import * as features from "../cpu/features";
import * as inject from "../cpu/inject";
import * as sgi from "../devices/sgi";
import * as vtimer from "../devices/vtimer";
import * as guestLog from "../vm/guest-log";
import { Vcpu } from "../vm/records";
import * as registers from "./registers";
import * as run from "./run";

const REGISTER: u32 = 0x3ffc1e;
/** The direction: 1 is a read. */
const READ: u32 = 1;
/** Op0, Op1 and CRn; and their values for the space of ID registers. */
const SPACE: u32 = 0x31fc00;
const ID_SPACE: u32 = 3 << 20;
/** Op0 and Op1 for debug registers of EL1. */
const DEBUG: u32 = 2 << 20;
const OP0_OP1: u32 = 0x31c000;
/** ID_AA64DFR0_EL1 shows a guest two breakpoints and two watchpoints. */
const DEBUG_PAIRS: u32 = 2;
/** OSLSR_EL1.OSLM: the lock is implemented, and open. */
const OSLSR: u64 = 8;

/** Debug registers that exist for a guest keep nothing: no breakpoint ever hits. */
function isDebug(register: u32): bool {
  if ((register & OP0_OP1) != DEBUG) return false;
  const crn = (register >> 10) & 15;
  const crm = (register >> 1) & 15;
  const op2 = (register >> 17) & 7;
  return crn == 1 || crn == 7 || (crn == 0 && (op2 < 4 || crm < DEBUG_PAIRS));
}

/** The value of a register that isReadable names. */
function read(vcpu: Vcpu, register: u32): u64 {
  switch (register) {
    case SYS_CNTPCT_EL0:
      return vtimer.count(vcpu);
    case SYS_CNTP_CTL_EL0:
      return vtimer.control(vcpu);
    case SYS_CNTP_CVAL_EL0:
      return vcpu.cntpCval;
    case SYS_CNTP_TVAL_EL0:
      return vtimer.distance(vcpu);
    case SYS_MDSCR_EL1:
      return vcpu.mdscr;
    case SYS_OSLSR_EL1:
      return OSLSR;
    default:
      return 0;
  }
}

function isReadable(register: u32): bool {
  switch (register) {
    case SYS_CNTPCT_EL0:
    case SYS_CNTP_CTL_EL0:
    case SYS_CNTP_CVAL_EL0:
    case SYS_CNTP_TVAL_EL0:
    case SYS_ACTLR_EL1:
      return true;
    default:
      return isDebug(register);
  }
}

/** False if there is no such register to write. */
function write(vcpu: Vcpu, register: u32, value: u64): bool {
  switch (register) {
    case SYS_ICC_SGI1R_EL1:
      sgi.send(vcpu, value, true);
      return true;
    case SYS_ICC_SGI0R_EL1:
      sgi.send(vcpu, value, false);
      return true;
    case SYS_ICC_ASGI1R_EL1:
      return true;
    case SYS_CNTP_CTL_EL0:
      vtimer.setControl(vcpu, value);
      return true;
    case SYS_CNTP_CVAL_EL0:
      vtimer.setCompare(vcpu, value);
      return true;
    case SYS_CNTP_TVAL_EL0:
      vtimer.setDistance(vcpu, value);
      return true;
    case SYS_MDSCR_EL1:
      vcpu.mdscr = value & 0xffffffff;
      return true;
    case SYS_ACTLR_EL1:
      return true;
    default:
      return isDebug(register);
  }
}

/** A trapped access; returns the vCPU to enter. */
export function access(vcpu: Vcpu, esr: u64): Vcpu {
  const iss = esr as u32;
  if ((iss & (SPACE | READ)) != (ID_SPACE | READ)) return other(vcpu, esr);
  const slot = ((iss << 2) & 0x38) | ((iss >> 17) & 7);
  registers.write(vcpu, (iss >> 5) & 31, features.guestIdRegister(slot));
  vcpu.elr += 4;
  return vcpu;
}

/** Registers outside the space of ID registers. */
function other(vcpu: Vcpu, esr: u64): Vcpu {
  const iss = esr as u32;
  const register = iss & REGISTER;
  const rt = (iss >> 5) & 31;
  const isRead = (iss & READ) != 0;
  if (isRead ? !isReadable(register) : !write(vcpu, register, registers.read(vcpu, rt))) {
    guestLog.warning(vcpu.vm, IN_TRAPS, "an unknown system register (syndrome 0x%x, pc 0x%x)", esr, vcpu.elr);
    inject.undefined(vcpu);
    return vcpu;
  }
  if (isRead) registers.write(vcpu, rt, read(vcpu, register));
  vcpu.elr += 4;
  // An SGI may have woken somebody.
  return run.next(vcpu);
}
