// The vendor-hypervisor calls of Hyper-LITE (abi/calls.ts).

import {
  CONSOLE_WRITE_MAX,
  DENIED,
  INVALID_ADDRESS,
  INVALID_PARAMETERS,
  SUCCESS,
  UID_0,
  UID_1,
  UID_2,
  UID_3,
  VCPU_FACT_CPU,
  VCPU_FACT_EXITS,
  VCPU_FACT_ID,
  VCPU_FACT_INTERRUPTS,
  VCPU_FACT_RUN_TIME,
  VCPU_FACT_STOLEN,
  VCPU_FACT_SWITCHES,
  VM_FACT_CPUS,
  VM_FACT_FREE_MEMORY,
  VM_FACT_FREE_TABLES,
  VM_FACT_ID,
  VM_FACT_MEMORY,
  VM_FACT_START_COUNT,
  VM_FACT_VCPUS,
} from "../../build/gen/calls";
import { Ipa, Pa } from "../hal/addr";
import * as phys from "../hal/phys";
import * as console from "../log/console";
import * as frames from "../mmu/frames";
import * as stage2 from "../mmu/stage2";
import * as tablePool from "../mmu/table-pool";
import * as cpus from "../sched/cpus";
import { Vcpu } from "../vm/records";

/** DEN0028, 6.3: 128 bits in four registers. */
export function uid(vcpu: Vcpu): u64 {
  vcpu.x1 = UID_1;
  vcpu.x2 = UID_2;
  vcpu.x3 = UID_3;
  return UID_0;
}

/** Writes as many bytes of the VM's memory to its console as that has room for: none unless all of those are there; each is read once. */
export function consoleWrite(vcpu: Vcpu, ipa: u64, wanted: u64): u64 {
  if (wanted > CONSOLE_WRITE_MAX || ipa + wanted < ipa) return INVALID_PARAMETERS;
  const port = vcpu.vm.id;
  const bytes = min<u64>(wanted, console.room(port));
  if (bytes == 0) return 0;
  const space = vcpu.vm.stage2;
  const first = stage2.translate(space, ipa as Ipa) as u64;
  const last = stage2.translate(space, (ipa + bytes - 1) as Ipa) as u64;
  if (first == 0 || last == 0) return INVALID_ADDRESS;
  // At most two pages: what the first one holds, then the rest.
  const inFirst = min<u64>(bytes, 0x1000 - (ipa & 0xfff));
  for (let n: u64 = 0; n < inFirst; n++) console.write(port, phys.read8((first + n) as Pa));
  const rest = bytes - inFirst;
  for (let n: u64 = 0; n < rest; n++) console.write(port, phys.read8((last + 1 - rest + n) as Pa));
  return bytes;
}

/** The number of a fact, an argument of 64 bits; none has the largest of 32. */
function number(fact: u64): u32 {
  return min<u64>(fact, 0xffffffff) as u32;
}

export function vmFact(vcpu: Vcpu, fact: u64): u64 {
  const vm = vcpu.vm;
  switch (number(fact)) {
    case VM_FACT_ID:
      vcpu.x1 = vm.id;
      break;
    case VM_FACT_MEMORY:
      vcpu.x1 = vm.bytes;
      break;
    case VM_FACT_VCPUS:
      vcpu.x1 = vm.vcpus;
      break;
    case VM_FACT_START_COUNT:
      vcpu.x1 = vm.startCount;
      break;
    case VM_FACT_CPUS:
      vcpu.x1 = cpus.count();
      break;
    case VM_FACT_FREE_MEMORY:
    case VM_FACT_FREE_TABLES:
      if (vm.controller == 0) return DENIED;
      vcpu.x1 = number(fact) == VM_FACT_FREE_MEMORY ? frames.freeBytes() : tablePool.freePages();
      break;
    default:
      return INVALID_PARAMETERS;
  }
  return SUCCESS;
}

export function vcpuFact(vcpu: Vcpu, fact: u64): u64 {
  switch (number(fact)) {
    case VCPU_FACT_ID:
      vcpu.x1 = vcpu.id;
      break;
    case VCPU_FACT_EXITS:
      vcpu.x1 = vcpu.exits;
      break;
    case VCPU_FACT_INTERRUPTS:
      vcpu.x1 = vcpu.interrupts;
      break;
    case VCPU_FACT_RUN_TIME:
      vcpu.x1 = vcpu.runTime;
      break;
    case VCPU_FACT_STOLEN:
      vcpu.x1 = vcpu.stolen;
      break;
    case VCPU_FACT_SWITCHES:
      vcpu.x1 = vcpu.switches;
      break;
    case VCPU_FACT_CPU:
      vcpu.x1 = vcpu.lastCpu;
      break;
    default:
      return INVALID_PARAMETERS;
  }
  return SUCCESS;
}
