// One row for each call of abi/calls.ts but the shortest two (traps/sync.ts). The function identifier is the low half of x0; a call of the 32-bit convention sees the low halves of its
// arguments (SMC Calling Convention, DEN0028, 2.4). What is not in the table is NOT_SUPPORTED, whatever range it is from.

import {
  HL_CONSOLE_WRITE,
  HL_DOORBELL,
  HL_VCPU_FACT,
  HL_VERSION,
  HL_VM_COUNT,
  HL_VM_CREATE,
  HL_VM_DESTROY,
  HL_VM_LINK,
  HL_VM_FACT,
  HL_VM_NAME,
  HL_VM_PAUSE,
  HL_VM_RESET,
  HL_VM_RESUME,
  HL_VM_START,
  HL_VM_STATE,
  HL_VM_STOP,
  NOT_SUPPORTED,
  PSCI_AFFINITY_INFO_32,
  PSCI_AFFINITY_INFO_64,
  PSCI_CPU_OFF,
  PSCI_CPU_ON_32,
  PSCI_CPU_ON_64,
  PSCI_CPU_SUSPEND_32,
  PSCI_CPU_SUSPEND_64,
  PSCI_FEATURES,
  PSCI_MIGRATE_INFO_TYPE,
  PSCI_SYSTEM_OFF,
  PSCI_SYSTEM_RESET,
  PSCI_SYSTEM_RESET2_32,
  PSCI_SYSTEM_RESET2_64,
  PSCI_VERSION,
  PV_TIME_FEATURES,
  PV_TIME_ST,
  SMCCC_ARCH_FEATURES,
  SMCCC_ARCH_WORKAROUND_1,
  SMCCC_ARCH_WORKAROUND_3,
  SMCCC_VERSION,
  TRNG_FEATURES,
  TRNG_GET_UUID,
  TRNG_RND_32,
  TRNG_RND_64,
  TRNG_VERSION,
  VENDOR_UID,
  VERSION_MAJOR,
  VERSION_MINOR,
  VERSION_PATCH,
} from "../../build/gen/calls";
import { Vcpu } from "../vm/records";
import * as arch from "./arch";
import * as control from "./control";
import * as doorbell from "./doorbell";
import * as lifecycle from "./lifecycle";
import * as psci from "./psci";
import * as stolen from "./stolen";
import * as trng from "./trng";
import * as vendor from "./vendor";

/** Bit 30 of an identifier: the 64-bit convention. */
const SMC64: u32 = 0x40000000;
/** No trusted OS that would need migration (DEN0022, 5.9). */
const NO_TRUSTED_OS: u64 = 2;

/** Carries out the call that the vCPU's registers hold, what it returns is in x0 (to x3) then. Who runs next may have changed. */
export function call(vcpu: Vcpu): void {
  const id = vcpu.x0 as u32;
  const mask: u64 = (id & SMC64) != 0 ? 0xffffffffffffffff : 0xffffffff;
  const a = vcpu.x1 & mask;
  const b = vcpu.x2 & mask;
  const c = vcpu.x3 & mask;
  switch (id) {
    case PSCI_SYSTEM_OFF:
      lifecycle.off(vcpu);
      break;
    case PSCI_SYSTEM_RESET:
      lifecycle.resetItself(vcpu);
      break;
    case PSCI_CPU_OFF:
      lifecycle.cpuOff(vcpu);
      break;
    case PSCI_CPU_SUSPEND_32:
    case PSCI_CPU_SUSPEND_64:
      psci.cpuSuspend(vcpu, a);
      break;
    default:
      vcpu.x0 = answer(vcpu, id, a, b, c);
      break;
  }
}

function answer(vcpu: Vcpu, id: u32, a: u64, b: u64, c: u64): u64 {
  switch (id) {
    case SMCCC_VERSION:
      return 0x10001;
    case SMCCC_ARCH_FEATURES:
      return arch.features(a);
    case SMCCC_ARCH_WORKAROUND_1:
    case SMCCC_ARCH_WORKAROUND_3:
      return arch.workaround(id);
    case PSCI_VERSION:
      return 0x10001;
    case PSCI_FEATURES:
      return psci.features(a);
    case PSCI_MIGRATE_INFO_TYPE:
      return NO_TRUSTED_OS;
    case PSCI_CPU_ON_32:
    case PSCI_CPU_ON_64:
      return psci.cpuOn(vcpu, a, b, c);
    case PSCI_AFFINITY_INFO_32:
    case PSCI_AFFINITY_INFO_64:
      return psci.affinityInfo(vcpu, a, b);
    case PSCI_SYSTEM_RESET2_32:
    case PSCI_SYSTEM_RESET2_64:
      return psci.systemReset2(vcpu, a);
    case TRNG_VERSION:
      return trng.version();
    case TRNG_FEATURES:
      return trng.features(a);
    case TRNG_GET_UUID:
      return trng.uuid(vcpu);
    case TRNG_RND_32:
      return trng.rnd(vcpu, 32, a);
    case TRNG_RND_64:
      return trng.rnd(vcpu, 64, a);
    case VENDOR_UID:
      return vendor.uid(vcpu);
    case HL_VERSION:
      return ((VERSION_MAJOR as u64) << 32) | (VERSION_MINOR << 16) | VERSION_PATCH;
    case HL_CONSOLE_WRITE:
      return vendor.consoleWrite(vcpu, a, b);
    case HL_DOORBELL:
      return doorbell.ring(vcpu, a);
    case PV_TIME_FEATURES:
      return stolen.features(a);
    case PV_TIME_ST:
      return stolen.structure(vcpu);
    case HL_VM_COUNT:
    case HL_VM_STATE:
    case HL_VM_NAME:
    case HL_VM_CREATE:
    case HL_VM_START:
    case HL_VM_PAUSE:
    case HL_VM_RESUME:
    case HL_VM_RESET:
    case HL_VM_STOP:
    case HL_VM_DESTROY:
    case HL_VM_LINK:
      return control.call(vcpu, id, a, b, c);
    case HL_VM_FACT:
      return vendor.vmFact(vcpu, a);
    case HL_VCPU_FACT:
      return vendor.vcpuFact(vcpu, a);
    default:
      return NOT_SUPPORTED;
  }
}
