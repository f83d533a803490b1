// EL2's own translations that boot adds to those of the build: the guest-RAM map and the device map (abi/layout.ts). Tables are numbered pages
// of the image; 48-bit addresses, 4 KiB granule, four levels (Arm ARM D8.2.4). Nothing is ever replaced, so nothing has to be broken first.

import { DEVICE_MAP, PHYS_LIMIT, PHYS_MAP, STAGE1_BUILT, STAGE1_PAGES } from "../../build/gen/layout";
import { Pa } from "../hal/addr";
import * as barrier from "../hal/barrier";
import * as image from "../hal/image";
import * as stage1 from "../hal/stage1";

/** Bits of a stage-1 descriptor of EL2 (D8.3): type, attribute index, AP[1] (RES1), shareability, access flag, execute-never. */
export const enum S1 {
  VALID = 1,
  TABLE = 3,
  PAGE = 3,
  ATTR_DEVICE = 0 << 2,
  ATTR_NORMAL = 1 << 2,
  AP_RES1 = 1 << 6,
  INNER_SHAREABLE = 3 << 8,
  ACCESS = 1 << 10,
}
const XN: u64 = (1 as u64) << 54;
const OUTPUT: u64 = 0x0000fffffffff000;
const ROOT: u32 = 0;

/** How many of the pages are in use beyond those of the build. */
const taken: usize = memory.data(4, 4);

function indexOf(va: u64, level: u32): u32 {
  return ((va >> (39 - 9 * level)) & 511) as u32;
}

/** The table that entry `index` of `page` points at, made if there is none; STAGE1_PAGES when the pages are used up. */
function nextTable(page: u32, index: u32): u32 {
  const entry = stage1.read(page, index);
  if (entry != 0) return (((entry & OUTPUT) - (stage1.base() as u64)) >> 12) as u32;
  const fresh = (STAGE1_BUILT + load<u32>(taken)) as u32;
  if (fresh >= STAGE1_PAGES) return STAGE1_PAGES;
  store<u32>(taken, load<u32>(taken) + 1);
  stage1.write(page, index, ((stage1.base() as u64) + ((fresh as u64) << 12)) | (S1.TABLE as u64));
  return fresh;
}

/** Maps [pa, pa + bytes) at `map` + pa, in the largest pieces that fit. Pieces that are mapped already stay. False when out of pages, and for the image. */
function mapRange(map: u64, pa: u64, bytes: u64, attributes: u64): bool {
  let at = pa & ~(0xfff as u64);
  const end = (pa + bytes + 0xfff) & ~(0xfff as u64);
  if (end < pa || end > PHYS_LIMIT) return false;
  if (at < (image.end() as u64) && end > (image.start() as u64)) return false;
  while (at < end) {
    let page = ROOT;
    let level: u32 = 0;
    let size: u64 = (1 as u64) << 39;
    for (;;) {
      const entry = stage1.read(page, indexOf(map + at, level));
      const isTable = level < 3 && (entry & 3) == (S1.TABLE as u64);
      const fits = level > 0 && (at & (size - 1)) == 0 && size <= end - at;
      if (!isTable && (fits || entry != 0)) break;
      page = nextTable(page, indexOf(map + at, level));
      if (page == STAGE1_PAGES) return false;
      level++;
      size >>= 9;
    }
    const index = indexOf(map + at, level);
    if (stage1.read(page, index) == 0) stage1.write(page, index, at | attributes | (level == 3 ? S1.PAGE : S1.VALID));
    at = (at & ~(size - 1)) + size;
  }
  // The new entries are seen by the walks of what follows: no invalid entry is held in a TLB (D8.14.1).
  barrier.dsbIshst();
  barrier.isb();
  return true;
}

/** RAM that is not the hypervisor's image: Normal write-back, never executable. */
export function mapRam(pa: Pa, bytes: u64): bool {
  return mapRange(PHYS_MAP, pa as u64, bytes, XN | (S1.ATTR_NORMAL | S1.AP_RES1 | S1.INNER_SHAREABLE | S1.ACCESS));
}

/** Registers of a device of the board: Device-nGnRE. */
export function mapDevice(pa: Pa, bytes: u64): bool {
  return mapRange(DEVICE_MAP, pa as u64, bytes, XN | (S1.ATTR_DEVICE | S1.AP_RES1 | S1.ACCESS));
}
