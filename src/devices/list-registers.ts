// ICH_LR<n>_EL2 by number (Arm IHI 0069, 12.4.8), and what else the hypervisor's CPU interface holds of a vCPU that is loaded.

import * as sysreg from "../hal/sysreg";
import { Vcpu } from "../vm/records";

const LOW: u64 = 0xffffffff;
/** How many list registers there are, and how many words of active priorities: on every CPU as on the first. */
const implemented: usize = memory.data(8, 8);

/** Reads how many there are, and how many words of active priorities. */
export function init(): void {
  const vtr = sysreg.readIchVtrEl2();
  store<u32>(implemented, min<u32>(((vtr & 31) as u32) + 1, 16));
  // PREbits: 5, 6 or 7 bits of preemption take 1, 2 or 4 words.
  const preemption = min<u32>(max<u32>(((vtr >> 26) & 7) as u32, 4), 6);
  store<u32>(implemented + 4, (1 as u32) << (preemption - 4));
}

/** How many list registers the CPU has. */
export function count(): u32 {
  return load<u32>(implemented);
}

export function read(n: u32): u64 {
  switch (n) {
    case 0:
      return sysreg.readIchLr0El2();
    case 1:
      return sysreg.readIchLr1El2();
    case 2:
      return sysreg.readIchLr2El2();
    case 3:
      return sysreg.readIchLr3El2();
    case 4:
      return sysreg.readIchLr4El2();
    case 5:
      return sysreg.readIchLr5El2();
    case 6:
      return sysreg.readIchLr6El2();
    case 7:
      return sysreg.readIchLr7El2();
    case 8:
      return sysreg.readIchLr8El2();
    case 9:
      return sysreg.readIchLr9El2();
    case 10:
      return sysreg.readIchLr10El2();
    case 11:
      return sysreg.readIchLr11El2();
    case 12:
      return sysreg.readIchLr12El2();
    case 13:
      return sysreg.readIchLr13El2();
    case 14:
      return sysreg.readIchLr14El2();
    default:
      return sysreg.readIchLr15El2();
  }
}

export function write(n: u32, value: u64): void {
  switch (n) {
    case 0:
      sysreg.writeIchLr0El2(value);
      break;
    case 1:
      sysreg.writeIchLr1El2(value);
      break;
    case 2:
      sysreg.writeIchLr2El2(value);
      break;
    case 3:
      sysreg.writeIchLr3El2(value);
      break;
    case 4:
      sysreg.writeIchLr4El2(value);
      break;
    case 5:
      sysreg.writeIchLr5El2(value);
      break;
    case 6:
      sysreg.writeIchLr6El2(value);
      break;
    case 7:
      sysreg.writeIchLr7El2(value);
      break;
    case 8:
      sysreg.writeIchLr8El2(value);
      break;
    case 9:
      sysreg.writeIchLr9El2(value);
      break;
    case 10:
      sysreg.writeIchLr10El2(value);
      break;
    case 11:
      sysreg.writeIchLr11El2(value);
      break;
    case 12:
      sysreg.writeIchLr12El2(value);
      break;
    case 13:
      sysreg.writeIchLr13El2(value);
      break;
    case 14:
      sysreg.writeIchLr14El2(value);
      break;
    default:
      sysreg.writeIchLr15El2(value);
      break;
  }
}

/** The active priorities where there are more than 32, as on few CPUs: `words` words of each group. */
function saveHigh(vcpu: Vcpu, words: u32): void {
  vcpu.activeGroup0 |= sysreg.readIchAp0r1El2() << 32;
  vcpu.activeGroup1 |= sysreg.readIchAp1r1El2() << 32;
  if (words == 2) return;
  vcpu.activeGroup0High = sysreg.readIchAp0r2El2() | (sysreg.readIchAp0r3El2() << 32);
  vcpu.activeGroup1High = sysreg.readIchAp1r2El2() | (sysreg.readIchAp1r3El2() << 32);
}
function loadHigh(vcpu: Vcpu, words: u32): void {
  sysreg.writeIchAp0r0El2(vcpu.activeGroup0 & LOW);
  sysreg.writeIchAp1r0El2(vcpu.activeGroup1 & LOW);
  sysreg.writeIchAp0r1El2(vcpu.activeGroup0 >> 32);
  sysreg.writeIchAp1r1El2(vcpu.activeGroup1 >> 32);
  if (words == 2) return;
  sysreg.writeIchAp0r2El2(vcpu.activeGroup0High & LOW);
  sysreg.writeIchAp0r3El2(vcpu.activeGroup0High >> 32);
  sysreg.writeIchAp1r2El2(vcpu.activeGroup1High & LOW);
  sysreg.writeIchAp1r3El2(vcpu.activeGroup1High >> 32);
}

/** Masks and active priorities of the guest's CPU interface into its record. */
export function save(vcpu: Vcpu): void {
  const words = load<u32>(implemented + 4);
  vcpu.vmcr = sysreg.readIchVmcrEl2();
  vcpu.activeGroup0 = sysreg.readIchAp0r0El2();
  vcpu.activeGroup1 = sysreg.readIchAp1r0El2();
  if (words > 1) saveHigh(vcpu, words);
}

/** Likewise out of its record. No list register is in use. */
export function restore(vcpu: Vcpu): void {
  const words = load<u32>(implemented + 4);
  sysreg.writeIchVmcrEl2(vcpu.vmcr);
  if (words > 1) {
    loadHigh(vcpu, words);
    return;
  }
  sysreg.writeIchAp0r0El2(vcpu.activeGroup0);
  sysreg.writeIchAp1r0El2(vcpu.activeGroup1);
}

/** Nothing is listed on this CPU, whatever a loader has left. */
export function clear(): void {
  for (let n: u32 = 0; n < count(); n++) write(n, 0);
}
