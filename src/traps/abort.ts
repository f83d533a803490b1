// Aborts of a guest that stage 2 has seen (Arm ARM D24.2.40, ISS of data and instruction aborts): devices are emulated, everything else is an
// external abort for the guest.
//
//   24  23 22 21  20   16 15 14 ...  10  9  8   7     6   5    0
//  |ISV| SAS |SSE| SRT   |SF|AR|   |FnV|EA|CM|S1PTW|WnR| DFSC  |

import { IN_TRAPS } from "../../build/gen/console";
import {
  ESR_IL,
  FSC_EXTERNAL,
  FSC_EXTERNAL_WALK_L0,
  FSC_KIND_MASK,
  FSC_PERMISSION,
  FSC_TRANSLATION,
  ISS_CM,
  ISS_ISV,
  ISS_S1PTW,
  ISS_SAS_SHIFT,
  ISS_SF,
  ISS_SRT_SHIFT,
  ISS_SSE,
  SPSR_AARCH32,
} from "../../build/gen/esr";
import * as inject from "../cpu/inject";
import * as mmio from "../devices/mmio";
import { Device } from "../devices/mmio";
import { Ipa } from "../hal/addr";
import * as sysreg from "../hal/sysreg";
import * as lifecycle from "../smccc/lifecycle";
import * as guestLog from "../vm/guest-log";
import { Vcpu } from "../vm/records";
import * as registers from "./registers";
import * as run from "./run";
import * as skip from "./skip";

/** A translation fault, not on a walk, no cache maintenance, its syndrome valid: what a device may answer. */
const DEVICE_MASK: u32 = FSC_KIND_MASK | ISS_S1PTW | ISS_CM | ISS_ISV;
const DEVICE_ACCESS: u32 = FSC_TRANSLATION | ISS_ISV;

/** Where the vector for an exception from EL1 to itself lies behind VBAR_EL1. */
const VECTOR_SAME_SYNC: u64 = 0x200;

/** The faulting IPA: HPFAR_EL2 has its page, for translation faults and faults on walks alone; FAR_EL2 the offset. */
function faultIpa(): Ipa {
  return (((sysreg.readHpfarEl2() & 0xfffffffff0) << 8) | (sysreg.readFarEl2() & 0xfff)) as Ipa;
}

function refuse(vcpu: Vcpu, esr: u64, fetch: bool): void {
  const walk = (esr & ISS_S1PTW) != 0;
  inject.externalAbort(vcpu, fetch, sysreg.readFarEl2(), esr & ESR_IL, walk ? FSC_EXTERNAL_WALK_L0 : FSC_EXTERNAL);
}

/** A loaded value of `bytes`, sign-extended to 64 bits. */
function signed(value: u64, bytes: u32): u64 {
  switch (bytes) {
    case 1:
      return value as i8 as i64 as u64;
    case 2:
      return value as i16 as i64 as u64;
    case 4:
      return value as i32 as i64 as u64;
    default:
      return value;
  }
}

/** What a register gets of a loaded value: all 64 bits of an X, 32 of a W. */
function extend(value: u64, bytes: u32, esr: u64): u64 {
  const whole = (esr & ISS_SSE) == 0 ? value : signed(value, bytes);
  return (esr & ISS_SF) != 0 ? whole : whole & 0xffffffff;
}

/** Bytes of the access. */
function size(esr: u64): u32 {
  return (1 as u32) << (((esr >> ISS_SAS_SHIFT) & 3) as u32);
}

/** The register that is loaded or stored. */
function register(esr: u64): u32 {
  return ((esr >> ISS_SRT_SHIFT) & 31) as u32;
}

/** A load that stage 2 has stopped; returns the vCPU to enter. A device may wake somebody, who may then run. */
export function read(vcpu: Vcpu, esr: u64): Vcpu {
  if (((esr as u32) & DEVICE_MASK) != DEVICE_ACCESS) return unanswered(vcpu, esr);
  const ipa = faultIpa();
  const bytes = size(esr);
  const device = mmio.find(vcpu, ipa, bytes);
  if (device == Device.NONE) return unanswered(vcpu, esr);
  registers.write(vcpu, register(esr), extend(mmio.read(vcpu, device, ipa, bytes), bytes, esr));
  // The way of nearly all accesses, without a call.
  if ((vcpu.spsr & SPSR_AARCH32) == 0) vcpu.elr += 4;
  else skip.instruction(vcpu, esr);
  return run.next(vcpu);
}

/** A store that stage 2 has stopped, or cache maintenance; returns the vCPU to enter. */
export function write(vcpu: Vcpu, esr: u64): Vcpu {
  if (((esr as u32) & DEVICE_MASK) != DEVICE_ACCESS) return unanswered(vcpu, esr);
  const ipa = faultIpa();
  const bytes = size(esr);
  const device = mmio.find(vcpu, ipa, bytes);
  if (device == Device.NONE) return unanswered(vcpu, esr);
  const pc = vcpu.elr;
  const pstate = vcpu.spsr;
  skip.instruction(vcpu, esr);
  if (mmio.write(vcpu, device, ipa, bytes, registers.read(vcpu, register(esr)))) {
    vcpu.elr = pc;
    vcpu.spsr = pstate;
  }
  return run.next(vcpu);
}

/** An abort that no device answers. */
function unanswered(vcpu: Vcpu, esr: u64): Vcpu {
  const kind = (esr as u32) & FSC_KIND_MASK;
  // Cache maintenance by address has nothing to do on a device, on nothing, or where the guest may only read.
  if ((esr & (ISS_CM | ISS_S1PTW)) == ISS_CM && (kind == FSC_TRANSLATION || kind == FSC_PERMISSION)) {
    skip.instruction(vcpu, esr);
    return vcpu;
  }
  guestLog.warning(vcpu.vm, IN_TRAPS, "no answer at 0x%x (syndrome 0x%x, pc 0x%x)", sysreg.readFarEl2(), esr, vcpu.elr);
  refuse(vcpu, esr, false);
  return vcpu;
}

/** A fetch from a device or from nothing. A guest whose own vector cannot be fetched would take this exception for ever: it is stopped. */
export function fetch(vcpu: Vcpu, esr: u64): void {
  const address = sysreg.readFarEl2();
  guestLog.warning(vcpu.vm, IN_TRAPS, "a fetch from 0x%x (syndrome 0x%x)", address, esr);
  if (!inject.fromEl0(vcpu) && address == sysreg.readVbarEl1() + VECTOR_SAME_SYNC) {
    lifecycle.crash(vcpu, "%s: its exception vector at 0x%x cannot be fetched", address);
    return;
  }
  refuse(vcpu, esr, true);
}
