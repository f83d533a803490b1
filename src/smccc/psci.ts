// PSCI 1.1 (Arm DEN0022): power states of a VM's vCPUs and of the VM.

import {
  ALREADY_ON,
  INVALID_ADDRESS,
  INVALID_PARAMETERS,
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
  SMCCC_VERSION,
  SUCCESS,
} from "../../build/gen/calls";
import * as run from "../devices/run";
import * as vgic from "../devices/vgic";
import { Ipa } from "../hal/addr";
import * as stage2 from "../mmu/stage2";
import { Vcpu, VcpuState } from "../vm/records";
import * as lifecycle from "./lifecycle";

/** power_state in the original format: bits 31-26 and 23-17 must be zero (5.4.2). */
const POWER_STATE_RESERVED: u64 = 0xfcfe0000;

export function features(id: u64): u64 {
  switch (id as u32) {
    case PSCI_VERSION:
    case PSCI_CPU_SUSPEND_32:
    case PSCI_CPU_SUSPEND_64:
    case PSCI_CPU_OFF:
    case PSCI_CPU_ON_32:
    case PSCI_CPU_ON_64:
    case PSCI_AFFINITY_INFO_32:
    case PSCI_AFFINITY_INFO_64:
    case PSCI_MIGRATE_INFO_TYPE:
    case PSCI_SYSTEM_OFF:
    case PSCI_SYSTEM_RESET:
    case PSCI_SYSTEM_RESET2_32:
    case PSCI_SYSTEM_RESET2_64:
    case PSCI_FEATURES:
    case SMCCC_VERSION:
      return SUCCESS;
    default:
      return NOT_SUPPORTED;
  }
}

/**
 * Waits for an interrupt. A power-down state was woken before it was entered, which the caller must expect (5.4.4): it returns as well.
 * Returns the vCPU to enter.
 */
export function cpuSuspend(vcpu: Vcpu, powerState: u64): Vcpu {
  const valid = (powerState & POWER_STATE_RESERVED) == 0;
  vcpu.x0 = valid ? SUCCESS : INVALID_PARAMETERS;
  if (valid && !vgic.hasPending(vcpu)) vcpu.state = VcpuState.BLOCKED;
  return run.next(vcpu);
}

/** Starts a vCPU. A VM has one, which is on. */
export function cpuOn(vcpu: Vcpu, mpidr: u64, entry: u64): u64 {
  if (mpidr != (vcpu.mpidr & 0xff00ffffff)) return INVALID_PARAMETERS;
  if ((stage2.translate(vcpu.vm.stage2, entry as Ipa) as u64) == 0) return INVALID_ADDRESS;
  return ALREADY_ON;
}

/** Level 0 alone is answered, as PSCI 1.0 and later allow (5.7.2). */
export function affinityInfo(vcpu: Vcpu, mpidr: u64, level: u64): u64 {
  return mpidr == (vcpu.mpidr & 0xff00ffffff) && level == 0 ? SUCCESS : INVALID_PARAMETERS;
}

/** The last vCPU that goes off takes the VM with it. */
export function cpuOff(vcpu: Vcpu): void {
  lifecycle.off(vcpu.vm);
}

export function systemReset2(vcpu: Vcpu, type: u64): u64 {
  if (type != 0) return INVALID_PARAMETERS;
  lifecycle.reset(vcpu.vm);
  return vcpu.x0;
}
