// A VM's memory before its first instruction: scrubbed, then kernel, initrd, device tree and region files copied from the bundle, and the random
// seeds of the device tree filled in. The guest starts with its caches off, so all that was written is cleaned to the point of coherency.

import { Ipa, Pa } from "../hal/addr";
import * as barrier from "../hal/barrier";
import * as cache from "../hal/cache";
import * as phys from "../hal/phys";
import * as chacha20 from "../lib/chacha20";
import { Random } from "../lib/chacha20";
import * as fdt from "../lib/fdt";
import { Fdt } from "../lib/fdt";
import { RAM_BASE } from "../../build/gen/guest";
import { Region, Vm } from "./records";

const tree = changetype<Fdt>(memory.data(64, 8));

/** The physical address of an offset in the VM's RAM. */
function ramAt(vm: Vm, offset: u64): Pa {
  return (vm.ram + offset) as Pa;
}

/** Copies any number of bytes; both addresses are page-aligned. What lies behind the last byte is not touched. */
function copy(to: Pa, from: Pa, bytes: u64): void {
  const whole = bytes & ~(63 as u64);
  phys.copy(to, from, whole);
  for (let at = whole; at < bytes; at++) phys.write8(((to as u64) + at) as Pa, phys.read8(((from as u64) + at) as Pa));
}

function place(to: Pa, from: u64, bytes: u64): void {
  copy(to, from as Pa, bytes);
  cache.cleanInvalidate(to, bytes);
}

/** Fills a property with random bytes, or takes it away when there are none: zeros would pass for a seed. */
function fillSeed(node: u32, name: string, random: Random): void {
  const prop = fdt.property(tree, node, name);
  if (prop == 0) return;
  if (random.ready == 0) {
    fdt.remove(tree, prop);
    return;
  }
  const end = (fdt.value(tree, prop) as u64) + fdt.length(tree, prop);
  for (let at = fdt.value(tree, prop) as u64; at + 8 <= end; at += 8) {
    const word = chacha20.next(random);
    phys.write32(at as Pa, word as u32);
    phys.write32((at + 4) as Pa, (word >> 32) as u32);
  }
}

/** The guest's device tree; one that is none is left as it is: the kernel says so. */
function placeTree(vm: Vm, random: Random): void {
  const at = ramAt(vm, vm.fdtLoad);
  copy(at, vm.fdt as Pa, vm.fdtBytes);
  if (fdt.open(tree, at, vm.fdtBytes)) {
    const chosen = fdt.child(tree, 0, "chosen");
    if (chosen != fdt.NONE) {
      fillSeed(chosen, "rng-seed", random);
      fillSeed(chosen, "kaslr-seed", random);
    }
  }
  cache.cleanInvalidate(at, vm.fdtBytes);
}

function scrub(pa: u64, bytes: u64): void {
  phys.zero(pa as Pa, bytes);
  cache.cleanInvalidate(pa as Pa, bytes);
}

/** The region after `region` in its VM. */
export function nextRegion(region: Region): Region {
  return changetype<Region>(changetype<usize>(region) + offsetof<Region>());
}

/** Fills the VM's RAM and regions. `zeroed`: everything else in them is made zero first. */
export function load(vm: Vm, zeroed: bool, random: Random): void {
  if (zeroed) scrub(vm.ram, vm.bytes);
  place(ramAt(vm, vm.kernelLoad), vm.kernel, vm.kernelBytes);
  if (vm.initrdBytes != 0) place(ramAt(vm, vm.initrdLoad), vm.initrd, vm.initrdBytes);
  placeTree(vm, random);
  let region = vm.firstRegion;
  for (let n: u32 = 0; n < vm.regions; n++) {
    // A region without contents is zero on every board.
    scrub(region.pa, region.bytes);
    if (region.fileBytes != 0) place(region.pa as Pa, region.file, region.fileBytes);
    region = nextRegion(region);
  }
  barrier.dsbSy();
  cache.invalidateInstructions();
  barrier.dsbIsh();
  barrier.isb();
}

/** The IPA of the VM's first instruction, and of its device tree. */
export function entry(vm: Vm): Ipa {
  return (RAM_BASE + vm.entry) as Ipa;
}
export function treeAddress(vm: Vm): Ipa {
  return (RAM_BASE + vm.fdtLoad) as Ipa;
}
