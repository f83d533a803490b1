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
import * as guard from "../devices/guard";
import * as power from "../devices/power";
import * as vgic from "../devices/vgic";
import * as vtimer from "../devices/vtimer";
import { Ipa } from "../hal/addr";
import * as atomic from "../hal/atomic";
import * as stage2 from "../mmu/stage2";
import * as sched from "../sched/sched";
import { Vcpu, VcpuState, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as lifecycle from "./lifecycle";

/** Answers of AFFINITY_INFO (5.7). */
const AFFINITY_ON: u64 = 0;
const AFFINITY_OFF: u64 = 1;
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

/** Waits for an interrupt. A power-down state was woken before it was entered, which the caller must expect (5.4.4): it returns as well. */
export function cpuSuspend(vcpu: Vcpu, powerState: u64): void {
  const valid = (powerState & POWER_STATE_RESERVED) == 0;
  vcpu.x0 = valid ? SUCCESS : INVALID_PARAMETERS;
  if (valid && !vgic.hasPending(vcpu)) sched.block(vcpu);
}

/** The id of the vCPU that an MPIDR's affinity names, as CPU_ON and AFFINITY_INFO take it; `vcpus`: there is none. */
function idOf(vm: Vm, affinity: u64): u32 {
  return affinity < vm.vcpus ? (affinity as u32) : vm.vcpus;
}

/** A vCPU is on until its CPU has let go of it. */
function isOn(vcpu: Vcpu): bool {
  const at = changetype<usize>(vcpu);
  return atomic.load32(at + offsetof<Vcpu>("state")) != VcpuState.OFF || atomic.load32(at + offsetof<Vcpu>("loadedOn")) != 0;
}

/** Starts a vCPU at `entry` with x0 = `context`. */
export function cpuOn(vcpu: Vcpu, affinity: u64, entry: u64, context: u64): u64 {
  const vm = vcpu.vm;
  const id = idOf(vm, affinity);
  if (id == vm.vcpus) return INVALID_PARAMETERS;
  if ((stage2.translate(vm.stage2, entry as Ipa) as u64) == 0) return INVALID_ADDRESS;
  const target = table.vcpu(vm, id);
  // Of several callers one comes first; a VM that is being taken down stays so.
  guard.enter(vm);
  const may = !isOn(target) && sched.mayAct(vcpu);
  if (may) {
    power.resetVcpu(target, entry, context);
    sched.start(target);
    // The first vCPU's deadlines are those of the VM's clock too.
    vtimer.updateClock(vm);
  }
  guard.leave(vm);
  return may ? SUCCESS : ALREADY_ON;
}

/** Level 0 alone is answered, as PSCI 1.0 and later allow (5.7.2). */
export function affinityInfo(vcpu: Vcpu, affinity: u64, level: u64): u64 {
  const vm = vcpu.vm;
  const id = idOf(vm, affinity);
  if (id == vm.vcpus || level != 0) return INVALID_PARAMETERS;
  return isOn(table.vcpu(vm, id)) ? AFFINITY_ON : AFFINITY_OFF;
}

export function systemReset2(vcpu: Vcpu, type: u64): u64 {
  if (type != 0) return INVALID_PARAMETERS;
  lifecycle.resetItself(vcpu);
  return vcpu.x0;
}
