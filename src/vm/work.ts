// Long work on a VM's memory in pieces of some 10,000 instructions, while none of its vCPUs runs. Before its first instruction: what an owner has
// left is zeroed, then kernel, initrd, device tree and region files are copied from the bundle and the random seeds filled in. At its end: zeroed, and
// given back. The guest starts with its caches off, so all that is written is cleaned to the point of coherency.

import { RAM_BASE, STOLEN_BASE, STOLEN_SIZE } from "../../build/gen/guest";
import { Ipa, Pa } from "../hal/addr";
import * as barrier from "../hal/barrier";
import * as cache from "../hal/cache";
import * as phys from "../hal/phys";
import { NOP } from "../lib/fdt";
import * as random from "../lib/random";
import { FRAME } from "../mmu/frames";
import * as stage2 from "../mmu/stage2";
import * as create from "./create";
import * as manifest from "./manifest";
import { Vm } from "./records";
import * as table from "./table";

/** Kinds of work; 0 is none. */
export const enum Work {
  /** Fills the memory of a VM that is made. */
  LOAD = 1,
  /** Clears it, and gives back everything that the VM has. */
  CLEAN = 2,
}

/** What is worked on, in this order: ranges to be zeroed, ranges to be copied, seeds. */
const enum Part {
  RAM = 0,
  STOLEN_TIME = 1,
  REGION = 2,
  KERNEL = 3,
  SEGMENT = 4,
  INITRD = 5,
  TREE = 6,
  FILE = 7,
  RNG_SEED = 8,
  KASLR_SEED = 9,
  END = 10,
}

/** Bytes that one step zeroes, copies, or fills with random bits, at most. */
const ZEROED: u64 = 0x10000;
const COPIED: u64 = 0x8000;
const RANDOM: u64 = 32;

/** Token, length and name of a property in a device tree, before its value (Devicetree Specification, 5.4). */
const PROPERTY_HEADER: u64 = 12;

/** Begins a work, in place of what was under way. No CPU may have a register of the VM, or its stage 2 in VTTBR_EL2, until the work's end. */
export function begin(vm: Vm, kind: u32): void {
  vm.work = kind;
  vm.workPhase = Part.RAM;
  vm.workIndex = 0;
  vm.workAt = 0;
}

/** How many ranges a part has. */
function rangesOf(vm: Vm, part: u32): u32 {
  if (part == Part.REGION || part == Part.FILE) return vm.regions;
  return part == Part.SEGMENT ? vm.segments : 1;
}

/** Bytes to be worked on in a range. */
function bytesOf(vm: Vm, part: u32, n: u32): u64 {
  const loads = vm.work == Work.LOAD;
  switch (part) {
    case Part.RAM:
      return vm.used != 0 || (loads && manifest.scrubs()) ? vm.bytes : 0;
    case Part.REGION:
      // A region without contents is zero on every board.
      return vm.used != 0 || loads ? table.region(vm, n).bytes : 0;
    default:
      break;
  }
  if (!loads) return 0;
  switch (part) {
    case Part.STOLEN_TIME:
      return STOLEN_SIZE;
    case Part.KERNEL:
      return vm.kernelBytes;
    case Part.SEGMENT:
      return table.segment(vm, n).fileBytes;
    case Part.INITRD:
      return vm.initrdBytes;
    case Part.TREE:
      return vm.fdtBytes;
    case Part.FILE:
      return table.region(vm, n).fileBytes;
    case Part.RNG_SEED:
      return vm.rngSeedBytes;
    default:
      return vm.kaslrSeedBytes;
  }
}

/** Where a range starts in the VM. */
function targetOf(vm: Vm, part: u32, n: u32): u64 {
  switch (part) {
    case Part.RAM:
      return RAM_BASE;
    case Part.STOLEN_TIME:
      return STOLEN_BASE;
    case Part.REGION:
    case Part.FILE:
      return table.region(vm, n).ipa;
    case Part.KERNEL:
      return RAM_BASE + vm.kernelLoad;
    case Part.SEGMENT:
      return RAM_BASE + table.segment(vm, n).load;
    case Part.INITRD:
      return RAM_BASE + vm.initrdLoad;
    default:
      return RAM_BASE + vm.fdtLoad;
  }
}

/** Where what is copied lies in the bundle. */
function sourceOf(vm: Vm, part: u32, n: u32): u64 {
  switch (part) {
    case Part.KERNEL:
      return vm.kernel;
    case Part.SEGMENT:
      return table.segment(vm, n).file;
    case Part.INITRD:
      return vm.initrd;
    case Part.TREE:
      return vm.fdt;
    default:
      return table.region(vm, n).file;
  }
}

/** Zeroes or copies a piece of a range; returns its size. */
function fill(vm: Vm, part: u32, n: u32, left: u64): u64 {
  const zeroes = part <= (Part.REGION as u32);
  const ipa = targetOf(vm, part, n) + vm.workAt;
  // What is mapped lies together in each block of stage 2, no further.
  const bytes = min<u64>(min<u64>(left, zeroes ? ZEROED : COPIED), FRAME - (ipa & (FRAME - 1)));
  const pa = stage2.translate(vm.stage2, ipa as Ipa);
  if (zeroes) phys.zero(pa, bytes);
  else phys.copy(pa, (sourceOf(vm, part, n) + vm.workAt) as Pa, bytes);
  cache.cleanInvalidate(pa, bytes);
  return bytes;
}

function writeWord(vm: Vm, ipa: u64, word: u32): void {
  const pa = stage2.translate(vm.stage2, ipa as Ipa);
  phys.write32(pa, word);
  cache.cleanInvalidate(pa, 4);
}

/**
 * Fills a piece of a seed with random bytes, or makes the property NOPs when there are none: zeros would pass for a seed. Returns how much of its value
 * is done.
 */
function seed(vm: Vm, part: u32, left: u64): u64 {
  const property = targetOf(vm, part, 0) + (part == Part.RNG_SEED ? vm.rngSeed : vm.kaslrSeed);
  if (!random.isReady()) {
    for (let at: u64 = 0; at < PROPERTY_HEADER + left; at += 4) writeWord(vm, property + at, bswap<u32>(NOP));
    return left;
  }
  const bytes = min<u64>(left, RANDOM);
  for (let at: u64 = 0; at + 8 <= bytes; at += 8) {
    const value = property + PROPERTY_HEADER + vm.workAt + at;
    const word = random.next();
    writeWord(vm, value, word as u32);
    writeWord(vm, value + 4, (word >> 32) as u32);
  }
  return bytes;
}

/** The end of the work: true when that, too, is done. */
function finish(vm: Vm): bool {
  if (vm.work == Work.CLEAN) {
    vm.used = 0;
    if (!create.unmake(vm)) return false;
  } else {
    // The guest has it from now on, whether anything was loaded or not.
    vm.used = 1;
    cache.invalidateInstructions();
    barrier.dsbIsh();
    barrier.isb();
  }
  vm.work = 0;
  return true;
}

/** Does a piece of a VM's work; true when all of it is done. What a piece has written is in memory when it returns. */
export function step(vm: Vm): bool {
  while (vm.workPhase != Part.END) {
    const part = vm.workPhase;
    const n = vm.workIndex;
    if (n == rangesOf(vm, part)) {
      vm.workPhase = part + 1;
      vm.workIndex = 0;
      continue;
    }
    const left = bytesOf(vm, part, n) - vm.workAt;
    if (left == 0) {
      vm.workIndex = n + 1;
      vm.workAt = 0;
      continue;
    }
    // From the first byte of the bundle on, the memory has to be cleared before anybody else gets it.
    if (part > (Part.REGION as u32)) vm.used = 1;
    vm.workAt += part >= (Part.RNG_SEED as u32) ? seed(vm, part, left) : fill(vm, part, n, left);
    barrier.dsbSy();
    return false;
  }
  return finish(vm);
}

/** The IPA of the VM's first instruction, and of its device tree. */
export function entry(vm: Vm): Ipa {
  return (RAM_BASE + vm.entry) as Ipa;
}
export function treeAddress(vm: Vm): Ipa {
  return (RAM_BASE + vm.fdtLoad) as Ipa;
}
