// A VM's node in the manifest (abi/bundle.ts), read into its record and checked against its RAM, the system and the board.

import {
  CRASH_STOP_ALL,
  DT_AFFINITY,
  DT_CAP,
  DT_CONTROLLER,
  DT_CRASH_POLICY,
  DT_DOORBELLS,
  DT_FDT,
  DT_FDT_LOAD,
  DT_FILE,
  DT_INDEX,
  DT_INITRD,
  DT_INITRD_LOAD,
  DT_IPA,
  DT_KERNEL,
  DT_KERNEL_ENTRY,
  DT_KERNEL_LOAD,
  DT_KERNEL_RESERVE,
  DT_LOAD,
  DT_MEMORY,
  DT_NAME,
  DT_NO_AUTOSTART,
  DT_NUMBER,
  DT_PEER,
  DT_PRIORITY,
  DT_READ_ONLY,
  DT_REGIONS,
  DT_SEGMENTS,
  DT_SHARE,
  DT_SHARED,
  DT_SIZE,
  DT_TABLE_QUOTA,
  DT_TIME_RUNS,
  GUEST_FDT_MAX,
  MAX_DOORBELLS_OF_VM,
  MAX_NAME,
  MAX_PRIORITY,
  MAX_REGIONS,
  MAX_SEED,
  MAX_SEGMENTS,
  MAX_SHARE,
  MAX_SHARES_OF_VM,
} from "../../build/gen/bundle";
import { IPA_LIMIT, RAM_BASE, STOLEN_BASE, STOLEN_SIZE } from "../../build/gen/guest";
import { HYP_SIZE } from "../../build/gen/layout";
import { Pa } from "../hal/addr";
import * as phys from "../hal/phys";
import * as arena from "../lib/arena";
import * as fdt from "../lib/fdt";
import { Fdt } from "../lib/fdt";
import { crash } from "../log/halt";
import { FRAME } from "../mmu/frames";
import * as bundle from "./bundle";
import { tree } from "./bundle";
import { Doorbell, Region, Segment, Share, Vm } from "./records";
import * as table from "./table";
import * as virtioNode from "./virtio-node";

/** The device tree of the guest that is being read. */
const guestTree = changetype<Fdt>(memory.data(64, 8));

/** Checks that [offset, offset + bytes), where `what` goes, lies in the VM's RAM, at a page. */
function requireInside(vm: Vm, what: string, offset: u64, bytes: u64): void {
  if (offset > vm.bytes || bytes > vm.bytes - offset) crash(what, offset + bytes, vm.bytes);
  if ((offset & 4095) != 0) crash("the bundle is corrupt: a payload is loaded at an odd address");
}

function readName(vm: Vm, node: u32): void {
  const prop = fdt.property(tree, node, DT_NAME);
  const bytes = min<u32>(fdt.length(tree, prop), MAX_NAME);
  if (bytes == 0) crash("the bundle is corrupt: a VM has no name");
  const from = fdt.value(tree, prop) as u64;
  // The record is zero behind it.
  for (let n: u32 = 0; n < bytes; n++) store<u8>(changetype<usize>(vm) + n, phys.read8((from + n) as Pa), offsetof<Vm>("name0"));
}

/** What the scheduler is told, and what happens to the VM when. */
function readRun(vm: Vm, node: u32, cpus: u32): void {
  vm.priority = bundle.within(node, DT_PRIORITY, 0, MAX_PRIORITY, "the bundle is corrupt: a VM of priority %d");
  vm.share = bundle.within(node, DT_SHARE, 1, MAX_SHARE, "the bundle is corrupt: a VM with %d shares of CPU time");
  vm.cap = bundle.within(
    node,
    DT_CAP,
    0,
    100 * vm.vcpus,
    "the bundle is corrupt: a VM that may have %d percent of a CPU, of at most %d",
  );
  vm.crashPolicy = bundle.within(node, DT_CRASH_POLICY, 0, CRASH_STOP_ALL, "the bundle is corrupt: crash policy %d");
  vm.tableQuota = bundle.within(node, DT_TABLE_QUOTA, 1, HYP_SIZE >> 12, "the bundle is corrupt: a quota of %d tables");
  vm.autostart = u32(bundle.has(node, DT_NO_AUTOSTART) == 0);
  vm.controller = bundle.has(node, DT_CONTROLLER);
  vm.timeRuns = bundle.has(node, DT_TIME_RUNS);
  const affinity = bundle.within(node, DT_AFFINITY, 0, 0xffffffff, "the bundle is corrupt: a VM with affinity 0x%x");
  vm.affinity = affinity == 0 ? cpus : affinity & cpus;
  if (vm.affinity == 0)
    crash("vm%d may run on none of the board's CPUs: its affinity is 0x%x, theirs 0x%x", vm.id, affinity, cpus);
}

function readSegments(vm: Vm, node: u32): void {
  vm.segments = bundle.countOf(node, DT_SEGMENTS, MAX_SEGMENTS, "the bundle is corrupt: a kernel of more than %d segments");
  vm.firstSegment = changetype<Segment>(arena.take(offsetof<Segment>() * vm.segments, 8));
  let at = bundle.firstOf(node, DT_SEGMENTS);
  for (let n: u32 = 0; n < vm.segments; n++) {
    const segment = table.segment(vm, n);
    if (!bundle.payload(at, DT_FILE, changetype<usize>(segment) + offsetof<Segment>("file")))
      crash("the bundle is corrupt: a segment without a file");
    segment.load = bundle.number(at, DT_LOAD);
    requireInside(
      vm,
      "a segment of the kernel is too large for its VM: it ends at 0x%x, the RAM at 0x%x",
      segment.load,
      segment.fileBytes,
    );
    at = bundle.nextOf(at);
  }
}

/** Where a property of the guest's tree stands that gets random bytes; 0: there is none. */
function seedAt(vm: Vm, chosen: u32, name: string): u32 {
  const prop = fdt.property(guestTree, chosen, name);
  const bytes = fdt.length(guestTree, prop);
  if (bytes > MAX_SEED) crash("the bundle is corrupt: a seed of %d bytes", bytes);
  return prop == 0 ? 0 : ((guestTree.structure + prop - vm.fdt) as u32);
}

/** The guest's device tree; one that is none is left as it is: the kernel says so. */
function readTree(vm: Vm, node: u32): void {
  if (!bundle.payload(node, DT_FDT, changetype<usize>(vm) + offsetof<Vm>("fdt")))
    crash("the bundle is corrupt: a VM has no device tree");
  vm.fdtLoad = bundle.number(node, DT_FDT_LOAD);
  if (vm.fdtBytes > GUEST_FDT_MAX) crash("the bundle is corrupt: a guest's device tree of %d bytes", vm.fdtBytes);
  requireInside(vm, "the device tree lies outside the RAM of its VM: it ends at 0x%x, the RAM at 0x%x", vm.fdtLoad, vm.fdtBytes);
  if (!fdt.open(guestTree, vm.fdt as Pa, vm.fdtBytes)) return;
  const chosen = fdt.child(guestTree, 0, "chosen");
  if (chosen == fdt.NONE) return;
  vm.rngSeed = seedAt(vm, chosen, "rng-seed");
  vm.rngSeedBytes = fdt.length(guestTree, fdt.property(guestTree, chosen, "rng-seed"));
  vm.kaslrSeed = seedAt(vm, chosen, "kaslr-seed");
  vm.kaslrSeedBytes = fdt.length(guestTree, fdt.property(guestTree, chosen, "kaslr-seed"));
}

/** What the RAM is filled with. */
function readFiles(vm: Vm, node: u32): void {
  const at = changetype<usize>(vm);
  if (!bundle.payload(node, DT_KERNEL, at + offsetof<Vm>("kernel"))) crash("the bundle is corrupt: a VM has no kernel");
  vm.kernelLoad = bundle.number(node, DT_KERNEL_LOAD);
  const reserve = bundle.number(node, DT_KERNEL_RESERVE);
  requireInside(
    vm,
    "the kernel is too large for its VM: it ends at 0x%x, the RAM at 0x%x",
    vm.kernelLoad,
    reserve == bundle.MISSING ? vm.kernelBytes : max<u64>(vm.kernelBytes, reserve),
  );
  vm.entry = bundle.number(node, DT_KERNEL_ENTRY);
  if (vm.entry > vm.bytes - 4 || (vm.entry & 3) != 0)
    crash(
      "the kernel starts outside the RAM of its VM, or not at an instruction: at 0x%x, the RAM ends at 0x%x",
      vm.entry,
      vm.bytes,
    );
  readSegments(vm, node);
  if (bundle.payload(node, DT_INITRD, at + offsetof<Vm>("initrd"))) {
    vm.initrdLoad = bundle.number(node, DT_INITRD_LOAD);
    requireInside(vm, "the initrd is too large for its VM: it ends at 0x%x, the RAM at 0x%x", vm.initrdLoad, vm.initrdBytes);
  }
  readTree(vm, node);
}

/** Checks that a range is whole pages of the 39 bits of IPAs; `what` is said when it is not. */
function requirePages(ipa: u64, bytes: u64, what: string): void {
  const odd = ((ipa | bytes) & 4095) != 0 || bytes == 0;
  if (odd || ipa > IPA_LIMIT || bytes > IPA_LIMIT - ipa) crash(what, ipa, bytes);
}

function readRegions(vm: Vm, node: u32): void {
  vm.regions = bundle.countOf(node, DT_REGIONS, MAX_REGIONS, "the bundle is corrupt: more than %d regions");
  vm.firstRegion = changetype<Region>(arena.take(offsetof<Region>() * vm.regions, 8));
  let at = bundle.firstOf(node, DT_REGIONS);
  for (let n: u32 = 0; n < vm.regions; n++) {
    const region = table.region(vm, n);
    region.ipa = bundle.number(at, DT_IPA);
    region.bytes = bundle.number(at, DT_SIZE);
    region.readOnly = bundle.has(at, DT_READ_ONLY);
    requirePages(region.ipa, region.bytes, "the bundle is corrupt: a region at 0x%x of 0x%x bytes");
    const file = bundle.payload(at, DT_FILE, changetype<usize>(region) + offsetof<Region>("file"));
    if (file && region.fileBytes > region.bytes)
      crash("the bundle is corrupt: a file of %d bytes in a region of %d", region.fileBytes, region.bytes);
    at = bundle.nextOf(at);
  }
}

function readShares(vm: Vm, node: u32): void {
  vm.shares = bundle.countOf(node, DT_SHARED, MAX_SHARES_OF_VM, "the bundle is corrupt: a VM has more than %d shared regions");
  vm.firstShare = changetype<Share>(arena.take(offsetof<Share>() * vm.shares, 8));
  let at = bundle.firstOf(node, DT_SHARED);
  for (let n: u32 = 0; n < vm.shares; n++) {
    const share = table.share(vm, n);
    const index = bundle.number(at, DT_INDEX);
    if (index >= table.sharedCount()) crash("the bundle is corrupt: a VM shares region %d, of %d", index, table.sharedCount());
    share.index = index as u32;
    share.ipa = bundle.number(at, DT_IPA);
    share.readOnly = bundle.has(at, DT_READ_ONLY);
    const bytes = table.shared(share.index).bytes;
    requirePages(share.ipa, bytes, "the bundle is corrupt: a shared region at 0x%x of 0x%x bytes");
    // A VM is made in one go: what is large is mapped by blocks.
    if (bytes > FRAME && (share.ipa & (FRAME - 1)) != 0)
      crash("the bundle is corrupt: a shared region at 0x%x of 0x%x bytes is between blocks", share.ipa, bytes);
    at = bundle.nextOf(at);
  }
}

function readDoorbells(vm: Vm, node: u32): void {
  vm.doorbells = bundle.countOf(
    node,
    DT_DOORBELLS,
    MAX_DOORBELLS_OF_VM,
    "the bundle is corrupt: a VM has more than %d doorbells",
  );
  vm.firstDoorbell = changetype<Doorbell>(arena.take(offsetof<Doorbell>() * vm.doorbells, 8));
  let at = bundle.firstOf(node, DT_DOORBELLS);
  for (let n: u32 = 0; n < vm.doorbells; n++) {
    const doorbell = table.doorbell(vm, n);
    doorbell.peer = bundle.within(at, DT_PEER, 0, 0xffffffff, "the bundle is corrupt: a doorbell at VM 0x%x");
    doorbell.number = bundle.within(at, DT_NUMBER, 0, 0xffffffff, "the bundle is corrupt: a doorbell with number 0x%x");
    at = bundle.nextOf(at);
  }
}

/** The start and the size of each range that is mapped: RAM, the page of stolen time, regions, shared regions. */
function startOf(vm: Vm, n: u32): u64 {
  if (n == 0) return RAM_BASE;
  if (n == 1) return STOLEN_BASE;
  return n - 2 < vm.regions ? table.region(vm, n - 2).ipa : table.share(vm, n - 2 - vm.regions).ipa;
}
function sizeOf(vm: Vm, n: u32): u64 {
  if (n == 0) return vm.bytes;
  if (n == 1) return STOLEN_SIZE;
  return n - 2 < vm.regions ? table.region(vm, n - 2).bytes : table.shared(table.share(vm, n - 2 - vm.regions).index).bytes;
}

/** Nothing is mapped on something else. */
function requireApart(vm: Vm): void {
  for (let n: u32 = 0; n < 2 + vm.regions + vm.shares; n++) {
    const start = startOf(vm, n);
    for (let other: u32 = 0; other < n; other++) {
      const before = startOf(vm, other);
      if (start < before + sizeOf(vm, other) && before < start + sizeOf(vm, n))
        crash("the bundle is corrupt: the memory at 0x%x is mapped twice", max<u64>(start, before));
    }
  }
}

/** Reads one VM's node into its record. `cpus`: the board's CPUs that guests may run on, one bit each. */
export function read(vm: Vm, node: u32, cpus: u32): void {
  readName(vm, node);
  vm.bytes = bundle.number(node, DT_MEMORY);
  if (vm.bytes == 0 || (vm.bytes & (FRAME - 1)) != 0 || vm.bytes > IPA_LIMIT - RAM_BASE) {
    crash("the bundle is corrupt: a VM with 0x%x bytes of RAM", vm.bytes);
  }
  readRun(vm, node, cpus);
  readFiles(vm, node);
  readRegions(vm, node);
  readShares(vm, node);
  readDoorbells(vm, node);
  virtioNode.read(vm, node);
  requireApart(vm);
}
