// The manifest: what the bundle (abi/bundle.ts) says of each VM, checked against the bundle's own size and the VM's. A mistake in it ends the
// run with one message: nothing has started yet.

import {
  BUNDLE_END,
  DT_COMPATIBLE,
  DT_FDT,
  DT_FDT_LOAD,
  DT_FILE,
  DT_INITRD,
  DT_INITRD_LOAD,
  DT_IPA,
  DT_KERNEL,
  DT_KERNEL_ENTRY,
  DT_KERNEL_LOAD,
  DT_KERNEL_RESERVE,
  DT_LOG_LEVELS,
  DT_MEMORY,
  DT_NAME,
  DT_NO_SCRUB,
  DT_READ_ONLY,
  DT_REGIONS,
  DT_SIZE,
  DT_TOTAL_SIZE,
  DT_VMS,
  GUEST_FDT_MAX,
  MAX_NAME,
  MAX_REGIONS,
} from "../../build/gen/bundle";
import { LOG_DEBUG, LOG_MODULES } from "../../build/gen/console";
import { IPA_LIMIT, RAM_BASE } from "../../build/gen/guest";
import { logModuleName } from "../../build/gen/log-modules";
import { Pa } from "../hal/addr";
import * as phys from "../hal/phys";
import * as arena from "../lib/arena";
import * as fdt from "../lib/fdt";
import { Fdt } from "../lib/fdt";
import { crash } from "../log/halt";
import * as log from "../log/log";
import { FRAME } from "../mmu/frames";
import { Region, Vm } from "./records";

const MISSING: u64 = 0xffffffffffffffff;

@unmanaged
class Bundle {
  base: u64;
  bytes: u64;
}
const bundle = changetype<Bundle>(memory.data(16, 8));
const tree = changetype<Fdt>(memory.data(64, 8));

/** Opens the bundle in the `limit` bytes at `pa`; returns its size. Does not return if there is none. */
export function open(pa: Pa, limit: u64): u64 {
  if (!fdt.open(tree, pa, limit) || !fdt.includes(tree, fdt.property(tree, 0, "compatible"), DT_COMPATIBLE)) {
    crash("no bundle at 0x%x, where the loader says it is or the ROM expects it: build one with `hyper-lite build`", pa as u64);
  }
  bundle.base = pa as u64;
  bundle.bytes = fdt.number64(tree, 0, DT_TOTAL_SIZE, 0);
  if (bundle.bytes < tree.totalSize || bundle.bytes > limit) {
    crash("the bundle is truncated: it says %d bytes, %d are there", bundle.bytes, limit);
  }
  if ((bundle.bytes & 7) != 0 || phys.read64(((pa as u64) + bundle.bytes - 8) as Pa) != BUNDLE_END) {
    crash("the bundle is truncated: the last of its %d bytes are not there", bundle.bytes);
  }
  return bundle.bytes;
}

/** Whether RAM that nobody had is zeroed before a VM gets it. */
export function scrubs(): bool {
  return fdt.property(tree, 0, DT_NO_SCRUB) == 0;
}

/** Length of the text at `from` up to `end`, a comma, an equals sign or zero. */
function wordLength(from: u64, end: u64): u32 {
  let length: u32 = 0;
  for (let at = from; at < end; at++) {
    const byte = phys.read8(at as Pa);
    if (byte == 0 || byte == 0x2c || byte == 0x3d) break;
    length++;
  }
  return length;
}

function sameWord(at: u64, length: u32, name: string): bool {
  if ((name.length as u32) != length) return false;
  for (let i: u32 = 0; i < length; i++) {
    if ((phys.read8((at + i) as Pa) as i32) != name.charCodeAt(i)) return false;
  }
  return true;
}

function severityOf(at: u64, length: u32): u32 {
  if (sameWord(at, length, "debug")) return 7;
  if (sameWord(at, length, "info")) return 6;
  if (sameWord(at, length, "notice")) return 5;
  if (sameWord(at, length, "warning")) return 4;
  if (sameWord(at, length, "err")) return 3;
  if (sameWord(at, length, "crit")) return 2;
  if (sameWord(at, length, "alert")) return 1;
  return sameWord(at, length, "emerg") ? 0 : LOG_DEBUG + 1;
}

/** `log-levels`: "vgic=debug,vm=warning". */
export function setLogLevels(): void {
  const prop = fdt.property(tree, 0, DT_LOG_LEVELS);
  let at = fdt.value(tree, prop) as u64;
  const end = prop == 0 ? at : at + fdt.length(tree, prop);
  while (at < end) {
    const name = wordLength(at, end);
    const value = at + name + 1;
    const severity = value < end ? wordLength(value, end) : 0;
    const level = severityOf(value, severity);
    for (let module: u32 = 0; module < LOG_MODULES; module++) {
      if (level <= LOG_DEBUG && sameWord(at, name, logModuleName(module))) log.setLevel(module, level);
    }
    at = value + severity + 1;
  }
}

/** The node of the first VM, and of the next; NONE behind the last. */
export function firstVm(): u32 {
  const vms = fdt.child(tree, 0, DT_VMS);
  return vms == fdt.NONE ? fdt.NONE : fdt.firstChild(tree, vms);
}
export function nextVm(node: u32): u32 {
  return fdt.nextSibling(tree, node);
}

/** Offset and size of a payload inside the bundle into two words at `at`; false if it is not there or not inside. */
function payload(node: u32, name: string, at: usize): bool {
  const prop = fdt.property(tree, node, name);
  if (fdt.length(tree, prop) != 16) return false;
  const offset = fdt.number(tree, prop, 0, 2);
  const bytes = fdt.number(tree, prop, 2, 2);
  if (offset < tree.totalSize || (offset & 4095) != 0 || offset > bundle.bytes || bytes > bundle.bytes - offset) {
    crash("the bundle is corrupt: a payload lies outside it (offset 0x%x, %d bytes)", offset, bytes);
  }
  store<u64>(at, bundle.base + offset);
  store<u64>(at + 8, bytes);
  return true;
}

/** Checks that [offset, offset + bytes), where `what` goes, lies in the VM's RAM. */
function fits(vm: Vm, what: string, offset: u64, bytes: u64): void {
  if (offset <= vm.bytes && bytes <= vm.bytes - offset) return;
  crash(what, offset + bytes, vm.bytes);
}

function readName(vm: Vm, node: u32): void {
  const prop = fdt.property(tree, node, DT_NAME);
  const bytes = min<u32>(fdt.length(tree, prop), MAX_NAME);
  if (bytes == 0) crash("the bundle is corrupt: a VM has no name");
  const from = fdt.value(tree, prop) as u64;
  // The record is zero behind it.
  for (let n: u32 = 0; n < bytes; n++) store<u8>(changetype<usize>(vm) + n, phys.read8((from + n) as Pa), offsetof<Vm>("name0"));
}

function readRegions(vm: Vm, node: u32): void {
  const regions = fdt.child(tree, node, DT_REGIONS);
  if (regions == fdt.NONE) return;
  for (let at = fdt.firstChild(tree, regions); at != fdt.NONE; at = fdt.nextSibling(tree, at)) {
    if (vm.regions == MAX_REGIONS) crash("the bundle is corrupt: more than %d regions", MAX_REGIONS);
    const region = changetype<Region>(arena.take(offsetof<Region>(), 8));
    if (vm.regions == 0) vm.firstRegion = region;
    vm.regions++;
    region.ipa = fdt.number64(tree, at, DT_IPA, MISSING);
    region.bytes = fdt.number64(tree, at, DT_SIZE, 0);
    region.readOnly = u32(fdt.property(tree, at, DT_READ_ONLY) != 0);
    const odd = ((region.ipa | region.bytes) & 4095) != 0 || region.bytes == 0;
    if (odd || region.ipa > IPA_LIMIT || region.bytes > IPA_LIMIT - region.ipa) {
      crash("the bundle is corrupt: a region at 0x%x of 0x%x bytes", region.ipa, region.bytes);
    }
    if (payload(at, DT_FILE, changetype<usize>(region) + offsetof<Region>("file")) && region.fileBytes > region.bytes) {
      crash("the bundle is corrupt: a file of %d bytes in a region of %d", region.fileBytes, region.bytes);
    }
  }
}

/** Reads one VM's node into its record. */
export function readVm(vm: Vm, node: u32): void {
  readName(vm, node);
  vm.bytes = fdt.number64(tree, node, DT_MEMORY, 0);
  if (vm.bytes == 0 || (vm.bytes & (FRAME - 1)) != 0 || vm.bytes > IPA_LIMIT - RAM_BASE) {
    crash("the bundle is corrupt: a VM with 0x%x bytes of RAM", vm.bytes);
  }
  const at = changetype<usize>(vm);
  if (!payload(node, DT_KERNEL, at + offsetof<Vm>("kernel"))) crash("the bundle is corrupt: a VM has no kernel");
  vm.kernelLoad = fdt.number64(tree, node, DT_KERNEL_LOAD, MISSING);
  vm.entry = fdt.number64(tree, node, DT_KERNEL_ENTRY, MISSING);
  fits(
    vm,
    "the kernel is too large for its VM: it ends at 0x%x, the RAM at 0x%x",
    vm.kernelLoad,
    max<u64>(vm.kernelBytes, fdt.number64(tree, node, DT_KERNEL_RESERVE, 0)),
  );
  fits(vm, "the kernel starts outside the RAM of its VM: at 0x%x, the RAM ends at 0x%x", vm.entry, 4);
  if (payload(node, DT_INITRD, at + offsetof<Vm>("initrd"))) {
    vm.initrdLoad = fdt.number64(tree, node, DT_INITRD_LOAD, MISSING);
    fits(vm, "the initrd is too large for its VM: it ends at 0x%x, the RAM at 0x%x", vm.initrdLoad, vm.initrdBytes);
  }
  if (!payload(node, DT_FDT, at + offsetof<Vm>("fdt"))) crash("the bundle is corrupt: a VM has no device tree");
  vm.fdtLoad = fdt.number64(tree, node, DT_FDT_LOAD, MISSING);
  if (vm.fdtBytes > GUEST_FDT_MAX) crash("the bundle is corrupt: a guest's device tree of %d bytes", vm.fdtBytes);
  fits(vm, "the device tree lies outside the RAM of its VM: it ends at 0x%x, the RAM at 0x%x", vm.fdtLoad, vm.fdtBytes);
  const odd = (vm.kernelLoad | vm.initrdLoad | vm.fdtLoad) & 4095;
  if (odd != 0) crash("the bundle is corrupt: a payload is loaded at an odd address");
  readRegions(vm, node);
}
