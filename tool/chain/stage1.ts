// EL2's own translation tables, as the build puts them into the image (Arm ARM D8.3): text RX, rodata RO, data RW; stacks with guard
// pages; the page before the window, and the window. Outputs are offsets from the image's start: boot.S adds the physical address.
//
// An entry, stage 1 of EL2, one VA range:
//
//   63    55 54 53 52 51   48 47          12 11 10 9  8 7  6 5  4  2 1 0
//  |        |XN|  |Co|       |   output     |nG|AF| SH | AP |NS| Attr|type|

import { layout } from "../../abi/layout.ts";

const PAGE = 4096;
const VALID = 1n;
const TABLE = 3n;
const PAGE_TYPE = 3n;
const ATTR_NORMAL = 1n << 2n;
const AP_RES1 = 1n << 6n;
const READ_ONLY = 1n << 7n;
const INNER_SHAREABLE = 3n << 8n;
const ACCESS = 1n << 10n;
const XN = 1n << 54n;

const normal = ATTR_NORMAL | AP_RES1 | INNER_SHAREABLE | ACCESS;
const code = normal | READ_ONLY;
const constants = normal | READ_ONLY | XN;
const data = normal | XN;

/** The order of the tables; metal/hal.h knows L3_IMAGE by its number. */
const L0 = 0;
const L1 = 1;
const L2_IMAGE = 2;
const L3_IMAGE = 3;
const L2_BELOW = 4;
const L3_BELOW = 5;
const L2_WINDOW = 6;
const L3_WINDOW = 7;

/** Addresses of link.ld, as `nm` prints them. */
export type Symbols = Map<string, bigint>;

const index = (va: number, level: number): number => Number((BigInt(va) >> BigInt(39 - 9 * level)) & 511n);

export function stage1Tables(symbols: Symbols): Buffer {
  const tables = new BigUint64Array(layout.STAGE1_BUILT * 512);
  const offset = (name: string): number => {
    const value = symbols.get(name);
    if (value === undefined) throw new Error(`link.ld does not define ${name}`);
    return Number(value - BigInt(layout.IMAGE_VA));
  };
  const set = (table: number, va: number, level: number, entry: bigint): void => {
    const at = table * 512 + index(va, level);
    if (tables[at] !== 0n && tables[at] !== entry) throw new Error(`stage 1: two entries for 0x${va.toString(16)}`);
    tables[at] = entry;
  };
  const link = (table: number, va: number, level: number, next: number): void =>
    set(table, va, level, BigInt(offset("stage1_tables") + next * PAGE) | TABLE);
  const pages = (table: number, va: number, from: number, bytes: number, attributes: bigint): void => {
    for (let at = 0; at < bytes; at += PAGE) set(table, va + at, 3, BigInt(from + at) | attributes | PAGE_TYPE);
  };

  link(L0, layout.IMAGE_VA, 0, L1);
  link(L1, layout.IMAGE_VA, 1, L2_IMAGE);
  link(L2_IMAGE, layout.IMAGE_VA, 2, L3_IMAGE);
  link(L1, layout.CPU_AREAS, 1, L2_BELOW);
  link(L2_BELOW, layout.CPU_AREAS, 2, L3_BELOW);
  link(L1, layout.WINDOW, 1, L2_WINDOW);
  link(L2_WINDOW, layout.WINDOW, 2, L3_WINDOW);

  const [rodata, rw, end] = [offset("rodata_start"), offset("data_start"), offset("bss_end")];
  pages(L3_IMAGE, layout.IMAGE_VA, 0, rodata, code);
  pages(L3_IMAGE, layout.IMAGE_VA + rodata, rodata, rw - rodata, constants);
  pages(L3_IMAGE, layout.IMAGE_VA + rw, rw, end - rw, data);

  let stack = offset("cpu_stacks");
  for (let cpu = 0; cpu < layout.MAX_CPUS; cpu++) {
    const area = layout.CPU_AREAS + cpu * layout.CPU_AREA_SIZE;
    pages(L3_BELOW, area + layout.EMERGENCY_END - layout.EMERGENCY_SIZE, stack, layout.EMERGENCY_SIZE, data);
    stack += layout.EMERGENCY_SIZE;
    pages(L3_BELOW, area + layout.CPU_AREA_SIZE - layout.STACK_SIZE, stack, layout.STACK_SIZE, data);
    stack += layout.STACK_SIZE;
  }
  pages(L3_BELOW, layout.WINDOW - PAGE, offset("instance_page"), PAGE, data);

  const BLOCK = 512 * PAGE;
  const size = layout.WINDOW_PAGES * 0x1_0000;
  const inFirst = Math.min(BLOCK, size) - layout.WINDOW_BASE;
  pages(L3_WINDOW, layout.WINDOW + layout.WINDOW_BASE, layout.WINDOW_OFFSET + layout.WINDOW_BASE, inFirst, data);
  for (let at = BLOCK; at < size; at += BLOCK)
    set(L2_WINDOW, layout.WINDOW + at, 2, BigInt(layout.WINDOW_OFFSET + at) | data | VALID);
  return Buffer.from(tables.buffer);
}
