// Making a VM and taking it down: frames for its RAM and its regions, and the stage 2 that shows them to it. What is shared, and the pages of stolen
// time, belong to the system: they are taken once, at boot.

import { NO_MEMORY, SUCCESS } from "../../build/gen/calls";
import { IN_MMU } from "../../build/gen/console";
import { RAM_BASE, STOLEN_BASE, STOLEN_SIZE } from "../../build/gen/guest";
import { Ipa, Pa } from "../hal/addr";
import * as barrier from "../hal/barrier";
import * as cache from "../hal/cache";
import * as phys from "../hal/phys";
import { crash } from "../log/halt";
import * as log from "../log/log";
import * as frames from "../mmu/frames";
import { FRAME } from "../mmu/frames";
import * as stage2 from "../mmu/stage2";
import { Mapped } from "../mmu/stage2";
import * as tablePool from "../mmu/table-pool";
import * as disks from "./disks";
import { Region, Vm } from "./records";
import * as switches from "./switches";
import * as table from "./table";

function wholeFrames(bytes: u64): u64 {
  return (bytes + FRAME - 1) & ~(FRAME - 1);
}

/** Takes memory in one piece for good. */
function takeForSystem(bytes: u64): u64 {
  const row = frames.take(wholeFrames(bytes), false);
  if (row == 0)
    crash(
      "too little RAM: %d MiB in one piece for shared memory, a disk or a capture, %d MiB are free",
      wholeFrames(bytes) >> 20,
      frames.freeBytes() >> 20,
    );
  return frames.addressOf(row) as u64;
}

/** What all VMs need: at boot, behind `manifest.read`. */
export function init(): void {
  const stolen = takeForSystem((table.count() as u64) * STOLEN_SIZE);
  for (let id: u32 = 0; id < table.count(); id++) table.vm(id).stolenPage = stolen + (id as u64) * STOLEN_SIZE;
  for (let n: u32 = 0; n < table.sharedCount(); n++) {
    const shared = table.shared(n);
    shared.pa = takeForSystem(shared.bytes);
    phys.zero(shared.pa as Pa, shared.bytes);
    cache.cleanInvalidate(shared.pa as Pa, shared.bytes);
  }
  for (let n: u32 = 0; n < switches.count(); n++) {
    const one = switches.nth(n);
    if (one.captureSize != 0) one.capture = takeForSystem(one.captureSize);
  }
  for (let n: u32 = 0; n < disks.count(); n++) {
    const disk = disks.nth(n);
    const bytes = disks.memoryOf(disk);
    if (bytes == 0) continue;
    const pa = takeForSystem(bytes) as Pa;
    phys.zero(pa, bytes);
    disks.give(disk, pa);
  }
  barrier.dsbSy();
}

function map(vm: Vm, ipa: u64, pa: u64, bytes: u64, attributes: u64): bool {
  return stage2.map(vm.stage2, ipa as Ipa, pa as Pa, bytes, attributes) == Mapped.OK;
}

/** Gives back the frames of a row that were not mapped at `ipa` and behind. */
function giveUnmapped(vm: Vm, row: frames.Row, ipa: u64): void {
  for (let at: u64 = 0; at < frames.bytesOf(row); at += FRAME) {
    if ((stage2.translate(vm.stage2, (ipa + at) as Ipa) as u64) == 0)
      frames.give(((frames.addressOf(row) as u64) + at) as Pa, FRAME);
  }
}

/** RAM: all of it in a row, or the longest rows that there are. */
function mapRam(vm: Vm): bool {
  let at: u64 = 0;
  vm.ram = 0;
  while (at < vm.bytes) {
    const row = frames.take(vm.bytes - at, true);
    if (row == 0) return false;
    if (frames.bytesOf(row) == vm.bytes) vm.ram = frames.addressOf(row) as u64;
    if (!map(vm, RAM_BASE + at, frames.addressOf(row) as u64, frames.bytesOf(row), stage2.RAM)) {
      giveUnmapped(vm, row, RAM_BASE + at);
      return false;
    }
    at += frames.bytesOf(row);
  }
  return true;
}

/** The whole frames that a region takes: it lies in them as its IPA lies in blocks, so that blocks map it. */
function framesOf(region: Region): u64 {
  return wholeFrames((region.ipa & (FRAME - 1)) + region.bytes);
}

function mapRegions(vm: Vm): bool {
  for (let n: u32 = 0; n < vm.regions; n++) {
    const region = table.region(vm, n);
    const row = frames.take(framesOf(region), false);
    if (row == 0) return false;
    region.pa = (frames.addressOf(row) as u64) + (region.ipa & (FRAME - 1));
    if (!map(vm, region.ipa, region.pa, region.bytes, region.readOnly != 0 ? stage2.ROM : stage2.RAM)) return false;
  }
  return true;
}

function mapShares(vm: Vm): bool {
  for (let n: u32 = 0; n < vm.shares; n++) {
    const share = table.share(vm, n);
    const shared = table.shared(share.index);
    const attributes = share.readOnly != 0 ? stage2.SHARED_READ_ONLY : stage2.SHARED;
    if (!map(vm, share.ipa, shared.pa, shared.bytes, attributes)) return false;
  }
  return true;
}

/**
 * Takes what a VM needs and maps it, its memory still as it was. SUCCESS, or NO_MEMORY: too little is free, or the quota of tables is too small, and
 * nothing is taken. The caller alone deals with the VM meanwhile.
 */
export function make(vm: Vm): u64 {
  if (!stage2.create(vm.stage2, vm.tableQuota)) return NO_MEMORY;
  vm.used = 0;
  vm.workAt = 0;
  const stolen = map(vm, STOLEN_BASE, vm.stolenPage, STOLEN_SIZE, stage2.SHARED_READ_ONLY);
  // Regions want their rows; RAM takes what is left.
  if (stolen && mapRegions(vm) && mapRam(vm) && mapShares(vm)) {
    const ram = stage2.translate(vm.stage2, RAM_BASE as u64 as Ipa);
    log.debug(IN_MMU, "vm%d: RAM at 0x%x, %d tables of stage 2", vm.id, ram as u64, vm.stage2.tables);
    return SUCCESS;
  }
  let done = unmake(vm);
  while (!done) done = unmake(vm);
  return NO_MEMORY;
}

/** Ends the run because a VM that starts by itself cannot be made. */
export function refuse(vm: Vm): void {
  let bytes = vm.bytes;
  for (let n: u32 = 0; n < vm.regions; n++) bytes += framesOf(table.region(vm, n));
  const name = table.nameOf(vm);
  if (bytes > frames.freeBytes())
    crash("too little RAM: %s wants %d MiB, %d MiB are free", name, bytes >> 20, frames.freeBytes() >> 20);
  crash(
    "%s cannot be made: %d tables of stage 2 do not do (its quota; %d are free), or a region finds no RAM in one piece",
    name,
    vm.tableQuota,
    tablePool.freePages(),
  );
}

/**
 * Takes a piece of a VM down; true when it has nothing any more. No CPU may have its stage 2 in VTTBR_EL2; `workAt` is 0 at the start. Its memory must
 * be clear: the next VM gets it as it is.
 */
export function unmake(vm: Vm): bool {
  if (vm.stage2.root == 0) return true;
  if (!stage2.isEmpty(vm.stage2)) {
    vm.workAt = stage2.unmap(vm.stage2, vm.vmid, vm.workAt as Ipa, RAM_BASE as u64 as Ipa, vm.bytes) as u64;
    return false;
  }
  for (let n: u32 = 0; n < vm.regions; n++) {
    const region = table.region(vm, n);
    if (region.pa == 0) continue;
    frames.give((region.pa & ~(FRAME - 1)) as Pa, framesOf(region));
    region.pa = 0;
    return false;
  }
  stage2.destroy(vm.stage2);
  return true;
}
