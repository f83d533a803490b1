// Synchronous exceptions of a guest: from the class of the syndrome to its handler (Arm ARM D24.2.40).

import { HCR_VSE } from "../../build/gen/controls";
import { IN_TRAPS } from "../../build/gen/console";
import {
  EC_CP14_32,
  EC_CP14_64,
  EC_CP14_LDC,
  EC_CP15_32,
  EC_CP15_64,
  EC_DABT_LOWER,
  EC_FP,
  EC_HVC64,
  EC_IABT_LOWER,
  EC_SMC64,
  EC_SYSREG,
  EC_VMRS,
  EC_WFX,
  ESR_EC_SHIFT,
  ISS_WNR,
} from "../../build/gen/esr";
import { HL_NULL, HL_YIELD, SUCCESS } from "../../build/gen/calls";
import * as el2 from "../cpu/el2";
import * as inject from "../cpu/inject";
import * as vgic from "../devices/vgic";
import * as context from "../hal/context";
import * as sysreg from "../hal/sysreg";
import * as sched from "../sched/sched";
import * as dispatch from "../smccc/dispatch";
import * as guestLog from "../vm/guest-log";
import { Vcpu } from "../vm/records";
import * as abort from "./abort";
import * as run from "./run";
import * as skip from "./skip";
import * as systemRegister from "./system-register";

/** The immediate of HVC and SMC. */
const IMMEDIATE: u64 = 0xffff;
/** ESR_EL2 bits 63-32 are the second syndrome. */
const SYNDROME: u64 = 0xffffffff;

/** The two calls that do nothing but come here, and are in no table. */
function isShort(id: u32): bool {
  return id == HL_NULL || id == HL_YIELD;
}

function shortCall(vcpu: Vcpu, id: u32): Vcpu {
  vcpu.x0 = SUCCESS;
  if (id == HL_NULL) return vcpu;
  sched.yieldSlice(vcpu);
  return run.choose();
}

/** Any call; what it returns is in the registers then. An SMC was trapped before it was carried out. Returns the vCPU to enter. */
function call(vcpu: Vcpu, esr: u64): Vcpu {
  if ((esr as u32) >> ESR_EC_SHIFT == EC_SMC64) vcpu.elr += 4;
  const id = vcpu.x0 as u32;
  if (isShort(id)) return shortCall(vcpu, id);
  dispatch.call(vcpu);
  return run.next(vcpu);
}

/** HVC #0. */
function hvc(vcpu: Vcpu, esr: u64): Vcpu {
  const id = vcpu.x0 as u32;
  return isShort(id) ? shortCall(vcpu, id) : call(vcpu, esr);
}

/** An HVC with another immediate does not exist; the exception is that of the instruction, which is behind us. */
function otherHvc(vcpu: Vcpu): void {
  vcpu.elr -= 4;
  inject.undefined(vcpu);
}

/** SMC #0 is the same call as HVC #0; others do not exist. */
function smc(vcpu: Vcpu, esr: u64): Vcpu {
  if ((esr & IMMEDIATE) == 0) return call(vcpu, esr);
  inject.undefined(vcpu);
  return vcpu;
}

/** First use of the vector registers: they get the vCPU's values. */
function fp(vcpu: Vcpu): void {
  el2.setFp(true);
  vcpu.fpLoaded = 1;
  context.loadFp(changetype<usize>(vcpu));
}

/** Coprocessor registers of the guest's 32-bit EL0: none is given. */
function aarch32(vcpu: Vcpu, esr: u64): void {
  if (skip.passes(vcpu, esr)) inject.undefined(vcpu);
  else skip.instruction(vcpu, esr);
}

/** WFI, while others wait for this CPU: it goes on when an interrupt is there. (WFE does not trap.) */
function wfi(vcpu: Vcpu, esr: u64): Vcpu {
  const passes = skip.passes(vcpu, esr);
  skip.instruction(vcpu, esr);
  if (passes && !vgic.hasPending(vcpu)) sched.block(vcpu);
  return run.next(vcpu);
}

/** The classes that do not come all the time. */
function rare(vcpu: Vcpu, esr: u64): Vcpu {
  switch ((esr >> ESR_EC_SHIFT) as u32) {
    case EC_HVC64:
      otherHvc(vcpu);
      break;
    case EC_SMC64:
      return smc(vcpu, esr);
    case EC_WFX:
      return wfi(vcpu, esr);
    case EC_IABT_LOWER:
      abort.fetch(vcpu, esr);
      return run.next(vcpu);
    case EC_FP:
      fp(vcpu);
      break;
    case EC_CP15_32:
    case EC_CP15_64:
    case EC_CP14_32:
    case EC_CP14_LDC:
    case EC_CP14_64:
    case EC_VMRS:
      aarch32(vcpu, esr);
      break;
    default:
      guestLog.warning(vcpu.vm, IN_TRAPS, "an exception that was not given to it (syndrome 0x%x, pc 0x%x)", esr, vcpu.elr);
      inject.undefined(vcpu);
      break;
  }
  return vcpu;
}

/** Handles an exception; returns the vCPU to enter. */
export function handle(vcpu: Vcpu, esr: u64): Vcpu {
  vcpu.exits++;
  const ec = ((esr as u32) >> ESR_EC_SHIFT) as u32;
  if (ec == EC_HVC64) return (esr & IMMEDIATE) == 0 ? hvc(vcpu, esr) : rare(vcpu, esr & SYNDROME);
  if (ec == EC_DABT_LOWER) return (esr & ISS_WNR) == 0 ? abort.read(vcpu, esr) : abort.write(vcpu, esr);
  if (ec == EC_SYSREG) return systemRegister.access(vcpu, esr);
  return rare(vcpu, esr & SYNDROME);
}

/** An SError while the guest ran is the guest's: it takes a virtual one. */
export function serror(vcpu: Vcpu, esr: u64): void {
  guestLog.warning(vcpu.vm, IN_TRAPS, "an SError (syndrome 0x%x, pc 0x%x)", esr, vcpu.elr);
  sysreg.writeHcrEl2(sysreg.readHcrEl2() | HCR_VSE);
}
