// Where the wild guest reaches: its own map of the intermediate physical addresses. Devices are seen a second time as Normal memory, so that no
// rule of stage 1 about Device memory (alignment, never executable) answers before the hypervisor does.

import { HL_VM_FACT, VM_FACT_MEMORY } from "../../build/gen/calls";
import { RAM_BASE } from "../../build/gen/guest";
import * as call from "../lib/hal/call";
import * as instruction from "../lib/hal/instruction";
import * as mmu from "../lib/mmu";

const GIB: u64 = 0x40000000;
/** 1 GiB each: IPA 0 and up, what lies behind the RAM's, and IPAs that differ from those by a high bit alone. */
export const DEVICES: u64 = 4 * GIB;
export const BEHIND: u64 = 5 * GIB;
export const DEVICES_BIT_39: u64 = 6 * GIB;
export const RAM_BIT_39: u64 = 7 * GIB;
export const DEVICES_BIT_32: u64 = 8 * GIB;
export const RAM_BIT_32: u64 = 9 * GIB;
export const RAM_BIT_38: u64 = 10 * GIB;
/** IPA 0 and up for EL0, and the page with its one instruction. */
export const DEVICES_EL0: u64 = 11 * GIB;
const CODE_EL0: u64 = 12 * GIB;
/** Tables of stage 1 that lie in a device, in nothing, and in the read-only region. */
export const TABLE_IN_DEVICE: u64 = 16 * GIB;
export const TABLE_IN_NOTHING: u64 = 17 * GIB;

/** The read-only region of the system's configuration, and an IPA where nothing is. */
export const ROM: u64 = 0x20000000;
export const ROM_SIZE: u64 = 0x1000;
export const NOTHING: u64 = 0x30000000;

const BIT_32: u64 = (1 as u64) << 32;
const BIT_38: u64 = (1 as u64) << 38;
const BIT_39: u64 = (1 as u64) << 39;

export function init(): void {
  mmu.init();
  mmu.mapGiant(DEVICES, 0, mmu.UNCACHED);
  mmu.mapGiant(BEHIND, 2 * GIB, mmu.UNCACHED);
  mmu.mapGiant(DEVICES_BIT_39, BIT_39, mmu.UNCACHED);
  mmu.mapGiant(RAM_BIT_39, BIT_39 | RAM_BASE, mmu.UNCACHED);
  mmu.mapGiant(DEVICES_BIT_32, BIT_32, mmu.UNCACHED);
  mmu.mapGiant(RAM_BIT_32, BIT_32 | RAM_BASE, mmu.UNCACHED);
  mmu.mapGiant(RAM_BIT_38, BIT_38 | RAM_BASE, mmu.UNCACHED);
  mmu.mapGiant(DEVICES_EL0, 0, mmu.UNCACHED | mmu.EL0);
  mmu.mapPage(CODE_EL0, instruction.addressOfEl0() & ~(0xfff as u64), mmu.NORMAL | mmu.EL0_READ_ONLY);
}

/** Where EL0 finds its instruction. */
export function codeOfEl0(): u64 {
  return CODE_EL0 | (instruction.addressOfEl0() & 0xfff);
}

/** The first byte behind the RAM. */
export function ramEnd(): u64 {
  call.hvc(HL_VM_FACT, VM_FACT_MEMORY, 0, 0);
  return (RAM_BASE as u64) + call.result(1);
}
