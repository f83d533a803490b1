// Stage 2: what a VM's IPAs mean (Arm ARM D8.2, D8.3.2). 4 KiB granule, 39 bits, start level 1: one root page; mappings of 1 GiB, 2 MiB and 4 KiB, the
// largest that fit. Tables are written through the HAL alone.
//
//   63  55 54 53 52 51   48 47          12 11 10 9  8 7  6 5     2 1 0
//  |      | XN  |  |       |   output     |  |AF| SH |S2AP|MemAttr|type|

import { IPA_LIMIT } from "../../build/gen/guest";
import { Ipa, Pa } from "../hal/addr";
import * as barrier from "../hal/barrier";
import * as table from "../hal/table";
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

function indexOf(ipa: u64, level: u32): u32 {
  return ((ipa >> (39 - 9 * level)) & 511) as u32;
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
  stage2.root = newTable(stage2, 1) as u64;
  return stage2.root != 0;
}

/**
 * Maps [ipa, ipa + bytes) to [pa, …) with `attributes`. Only invalid entries are written, so there is nothing to break first and nothing in a TLB
 * to invalidate (D8.14.1: invalid entries are not held); the barrier makes the new ones visible to walks.
 */
export function map(stage2: Stage2, ipa: Ipa, pa: Pa, bytes: u64, attributes: u64): Mapped {
  let at = ipa as u64;
  let output = pa as u64;
  const end = at + bytes;
  if (((at | output | bytes) & 0xfff) != 0 || end < at || end > IPA_LIMIT) return Mapped.BAD_RANGE;
  while (at < end) {
    let page = stage2.root as Pa;
    let level: u32 = 1;
    let size: u64 = (1 as u64) << 30;
    while (((at | output) & (size - 1)) != 0 || size > end - at) {
      const index = indexOf(at, level);
      const entry = table.read(page, index);
      let next: Pa;
      if ((entry & (S2.VALID as u64)) == 0) {
        next = newTable(stage2, level + 1);
        if ((next as u64) == 0) return Mapped.NO_TABLES;
        table.writeTable(page, index, next);
      } else if ((entry & 3) == (S2.TABLE as u64)) {
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
  while (level < 3 && (entry & 3) == (S2.TABLE as u64)) {
    level++;
    page = (entry & OUTPUT) as Pa;
    entry = table.read(page, indexOf(at, level));
  }
  if ((entry & (S2.VALID as u64)) == 0) return 0 as Pa;
  const inside = ((1 as u64) << (39 - 9 * level)) - 1;
  return ((entry & OUTPUT & ~inside) | (at & inside)) as Pa;
}
