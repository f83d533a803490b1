// Synchronous exceptions of a guest: from the class of the syndrome to its handler (Arm ARM D24.2.40).

import { HCR_VSE } from "../../build/gen/controls";
import { IN_TRAPS } from "../../build/gen/console";
import {
  EC_CP14_32, EC_CP14_64, EC_CP14_LDC, EC_CP15_32, EC_CP15_64, EC_DABT_LOWER, EC_FP, EC_HVC64, EC_IABT_LOWER, EC_SMC64, EC_SYSREG, EC_VMRS,
  ESR_EC_SHIFT,
} from "../../build/gen/esr";
import * as el2 from "../cpu/el2";
import * as inject from "../cpu/inject";
import * as context from "../hal/context";
import * as sysreg from "../hal/sysreg";
import * as dispatch from "../smccc/dispatch";
import * as guestLog from "../vm/guest-log";
import { Vcpu } from "../vm/records";
import * as abort from "./abort";
import * as skip from "./skip";
import * as systemRegister from "./system-register";

/** The immediate of HVC and SMC. */
const IMMEDIATE: u64 = 0xffff;

/** HVC #0 is a call. Others do not exist; the exception is that of the instruction, which is behind us. */
function hvc(vcpu: Vcpu, esr: u64): void {
  if ((esr & IMMEDIATE) == 0) {
    dispatch.call(vcpu);
    return;
  }
  vcpu.elr -= 4;
  inject.undefined(vcpu);
}

/** SMC #0 is the same call, trapped before it was carried out. */
function smc(vcpu: Vcpu, esr: u64): void {
  if ((esr & IMMEDIATE) != 0) {
    inject.undefined(vcpu);
    return;
  }
  vcpu.elr += 4;
  dispatch.call(vcpu);
}

/** First use of the vector registers: they get the vCPU's values. */
function fp(vcpu: Vcpu): void {
  el2.setFp(true);
  context.loadFp(changetype<usize>(vcpu));
  vcpu.fpLoaded = 1;
}

/** Coprocessor registers of the guest's 32-bit EL0: none is given. */
function aarch32(vcpu: Vcpu, esr: u64): void {
  if (skip.passes(vcpu, esr)) inject.undefined(vcpu);
  else skip.instruction(vcpu, esr);
}

export function handle(vcpu: Vcpu, esr: u64): void {
  vcpu.exits++;
  switch ((esr >> ESR_EC_SHIFT) as u32 & 63) {
    case EC_HVC64: hvc(vcpu, esr); break;
    case EC_SMC64: smc(vcpu, esr); break;
    case EC_SYSREG: systemRegister.access(vcpu, esr); break;
    case EC_DABT_LOWER: abort.data(vcpu, esr); break;
    case EC_IABT_LOWER: abort.fetch(vcpu, esr); break;
    case EC_FP: fp(vcpu); break;
    case EC_CP15_32:
    case EC_CP15_64:
    case EC_CP14_32:
    case EC_CP14_LDC:
    case EC_CP14_64:
    case EC_VMRS: aarch32(vcpu, esr); break;
    default:
      guestLog.warning(vcpu.vm, IN_TRAPS, "an exception that was not given to it (syndrome 0x%x, pc 0x%x)", esr, vcpu.elr);
      inject.undefined(vcpu);
      break;
  }
}

/** An SError while the guest ran is the guest's: it takes a virtual one. */
export function serror(vcpu: Vcpu, esr: u64): void {
  guestLog.warning(vcpu.vm, IN_TRAPS, "an SError (syndrome 0x%x, pc 0x%x)", esr, vcpu.elr);
  sysreg.writeHcrEl2(sysreg.readHcrEl2() | HCR_VSE);
}
