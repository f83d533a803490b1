// Stage 2: what a VM's IPAs mean (Arm ARM D8.2, D8.3.2). 4 KiB granule, 39 bits, start level 1: one root page; mappings of 1 GiB, 2 MiB and 4 KiB, the
// largest that fit. Tables are written through the HAL alone.
//
//   63  55 54 53 52 51   48 47          12 11 10 9  8 7  6 5     2 1 0
//  |      | XN  |  |       |   output     |  |AF| SH |S2AP|MemAttr|type|

import { IPA_LIMIT } from "../../build/gen/guest";
import { Ipa, Pa } from "../hal/addr";
import * as barrier from "../hal/barrier";
import * as cpu from "../hal/cpu";
import * as sysreg from "../hal/sysreg";
import * as table from "../hal/table";
import * as tlb from "../hal/tlb";
import * as frames from "./frames";
import * as pool from "./table-pool";

export const enum S2 {
  VALID = 1,
  BLOCK = 1,
  TABLE = 3,
  PAGE = 3,
  /** Normal, outer and inner write-back cacheable. */
  NORMAL = 0xf << 2,
  READ = 1 << 6,
  WRITE = 2 << 6,
  INNER_SHAREABLE = 3 << 8,
  ACCESS = 1 << 10,
}

const OUTPUT: u64 = 0x0000fffffffff000;
/** Of VTTBR_EL2. */
const VMID_SHIFT: u64 = 48;

/** Results of `map`. */
export const enum Mapped {
  OK = 0,
  /** Not aligned at 4 KiB, or beyond 39 bits. */
  BAD_RANGE = 1,
  /** Something is mapped there already. */
  IN_USE = 2,
  /** The VM's quota of tables, or the pool, is used up. */
  NO_TABLES = 3,
}

/** A VM's stage 2. */
@unmanaged
export class Stage2 {
  root: u64;
  /** Pages of tables in use, and how many the VM may use. */
  tables: u32;
  quota: u32;
}

/** RAM that a guest reads, writes and executes. */
export const RAM: u64 = S2.NORMAL | S2.READ | S2.WRITE | S2.INNER_SHAREABLE | S2.ACCESS;
/** Memory that a guest reads and executes. */
export const ROM: u64 = S2.NORMAL | S2.READ | S2.INNER_SHAREABLE | S2.ACCESS;
/** Memory that others write as well: never executable. */
const XN: u64 = (1 as u64) << 54;
export const SHARED: u64 = RAM | XN;
export const SHARED_READ_ONLY: u64 = ROM | XN;

/** How many entries one call of `unmap` looks at, and how many blocks and tables it takes out, at most. */
const LOOKED_AT: u32 = 128;
const MAX_REMOVED: u32 = 64;
const REMOVED_SHIFT: u32 = 9;
/** What this CPU has taken out and not given back yet: MAX_REMOVED words a CPU, each an address and, for a leaf, its level. */
const removed: usize = memory.data(4096, 8);
/** Physical address of the root of the stage 2 that has nothing. */
const nothingAt: usize = memory.data(8, 8);

function indexOf(ipa: u64, level: u32): u32 {
  return ((ipa >> (39 - 9 * level)) & 511) as u32;
}

function sizeAt(level: u32): u64 {
  return (1 as u64) << (39 - 9 * level);
}

function isTable(entry: u64, level: u32): bool {
  return level < 3 && (entry & 3) == (S2.TABLE as u64);
}

/** Makes `nothing`; false when there is no page for it. At boot, once. */
export function init(): bool {
  store<u64>(nothingAt, pool.take(1) as u64);
  return load<u64>(nothingAt) != 0;
}

/** The root of a stage 2 in which nothing is mapped: for a CPU whose VM is taken down. */
export function nothing(): Pa {
  return load<u64>(nothingAt) as Pa;
}

function newTable(stage2: Stage2, level: u32): Pa {
  if (stage2.tables == stage2.quota) return 0 as Pa;
  const page = pool.take(level);
  if ((page as u64) != 0) stage2.tables++;
  return page;
}

/** An empty stage 2 that may have `quota` pages of tables; false when there is no page for its root. */
export function create(stage2: Stage2, quota: u32): bool {
  stage2.quota = quota;
  stage2.tables = 0;
  stage2.root = newTable(stage2, 1) as u64;
  return stage2.root != 0;
}

/**
 * Maps [ipa, ipa + bytes) to [pa, …) with `attributes`. Only invalid entries are written, so there is nothing to break first and nothing in a TLB
 * to invalidate (D8.14.1: invalid entries are not held); the barrier makes the new ones visible to walks. What is mapped when it fails stays: the
 * range's start.
 */
export function map(stage2: Stage2, ipa: Ipa, pa: Pa, bytes: u64, attributes: u64): Mapped {
  let at = ipa as u64;
  let output = pa as u64;
  const end = at + bytes;
  if (((at | output | bytes) & 0xfff) != 0 || end < at || end > IPA_LIMIT) return Mapped.BAD_RANGE;
  while (at < end) {
    let page = stage2.root as Pa;
    let level: u32 = 1;
    let size = sizeAt(level);
    while (((at | output) & (size - 1)) != 0 || size > end - at) {
      const index = indexOf(at, level);
      const entry = table.read(page, index);
      let next: Pa;
      if ((entry & (S2.VALID as u64)) == 0) {
        next = newTable(stage2, level + 1);
        if ((next as u64) == 0) return Mapped.NO_TABLES;
        table.writeTable(page, index, next);
      } else if (isTable(entry, level)) {
        next = (entry & OUTPUT) as Pa;
      } else {
        return Mapped.IN_USE;
      }
      page = next;
      level++;
      size >>= 9;
    }
    const index = indexOf(at, level);
    if (table.read(page, index) != 0) return Mapped.IN_USE;
    table.writeLeaf(page, index, output | attributes | ((level == 3 ? S2.PAGE : S2.BLOCK) as u64));
    at += size;
    output += size;
  }
  barrier.dsbIshst();
  return Mapped.OK;
}

/** Where an IPA that a guest may read is found; 0 where it is not mapped. */
export function translate(stage2: Stage2, ipa: Ipa): Pa {
  const at = ipa as u64;
  if (at >= IPA_LIMIT) return 0 as Pa;
  let page = stage2.root as Pa;
  let level: u32 = 1;
  let entry = table.read(page, indexOf(at, level));
  while (isTable(entry, level)) {
    level++;
    page = (entry & OUTPUT) as Pa;
    entry = table.read(page, indexOf(at, level));
  }
  if ((entry & (S2.VALID as u64)) == 0) return 0 as Pa;
  const inside = sizeAt(level) - 1;
  return ((entry & OUTPUT & ~inside) | (at & inside)) as Pa;
}

/** Gives back what `unmap` has taken out: tables, and frames of the VM's own. */
function giveBack(stage2: Stage2, list: usize, count: u32): void {
  for (let n: u32 = 0; n < count; n++) {
    const word = load<u64>(list + (n << 3));
    const level = (word & 3) as u32;
    if (level != 0) {
      frames.give((word & OUTPUT) as Pa, sizeAt(level));
    } else {
      pool.give(word as Pa);
      stage2.tables--;
    }
  }
}

/** Empties the TLBs of all CPUs of a VMID, which no CPU runs: this one takes it for that moment, with nothing mapped (D8.14). */
export function forget(vmid: u32): void {
  const before = sysreg.readVttbrEl2();
  barrier.dsbIshst();
  sysreg.writeVttbrEl2(load<u64>(nothingAt) | ((vmid as u64) << VMID_SHIFT));
  barrier.isb();
  tlb.vmalls12e1is();
  barrier.dsbIsh();
  sysreg.writeVttbrEl2(before);
  barrier.isb();
}

/**
 * Takes out a piece of what is mapped under `vmid`, from about `from` on, and returns where the next piece starts; until `isEmpty`. No CPU may have this
 * stage 2 in VTTBR_EL2. Nothing is given back, tables or those frames that lie in [own, own + ownBytes), before the TLBs of all CPUs have forgotten it
 * (D8.14, D8.16.1).
 */
export function unmap(stage2: Stage2, vmid: u32, from: Ipa, own: Ipa, ownBytes: u64): Ipa {
  const list = removed + ((cpu.number() as usize) << REMOVED_SHIFT);
  let at = (from as u64) & (IPA_LIMIT - 1);
  let count: u32 = 0;
  let looked: u32 = 0;
  while (looked++ < LOOKED_AT && count < MAX_REMOVED && !isEmpty(stage2)) {
    let page = stage2.root as Pa;
    let level: u32 = 1;
    let entry = table.read(page, indexOf(at, level));
    // A table that has become empty is taken out like a leaf.
    while (isTable(entry, level) && table.used((entry & OUTPUT) as Pa) != 0) {
      page = (entry & OUTPUT) as Pa;
      level++;
      entry = table.read(page, indexOf(at, level));
    }
    if ((entry & (S2.VALID as u64)) != 0) {
      table.clear(page, indexOf(at, level));
      const mine = !isTable(entry, level) && at - (own as u64) < ownBytes;
      if (mine || isTable(entry, level)) store<u64>(list + (count++ << 3), (entry & OUTPUT) | (mine ? level : 0));
      continue;
    }
    do {
      at = ((at & ~(sizeAt(level) - 1)) + sizeAt(level)) & (IPA_LIMIT - 1);
    } while (looked++ < LOOKED_AT && indexOf(at, level) != 0 && (table.read(page, indexOf(at, level)) & (S2.VALID as u64)) == 0);
  }
  forget(vmid);
  giveBack(stage2, list, count);
  return at as Ipa;
}

/** Whether nothing is mapped. */
export function isEmpty(stage2: Stage2): bool {
  return table.used(stage2.root as Pa) == 0;
}

/** Gives back the root of a stage 2 that is empty. No CPU may have it in VTTBR_EL2. */
export function destroy(stage2: Stage2): void {
  pool.give(stage2.root as Pa);
  stage2.root = 0;
  stage2.tables = 0;
}
