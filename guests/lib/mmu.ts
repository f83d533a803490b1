// A guest's own stage 1 (Arm ARM D8.3): 4 KiB granule, addresses of 39 bits by TTBR0_EL1, a root at level 1. Devices below 1 GiB and RAM above
// are mapped at their own addresses, in blocks of 1 GiB; further pages can be mapped behind.
//
//   63  55 54  53 52 51   48 47          12 11 10 9  8 7  6 5  4  2 1 0
//  |      |UXN|PXN|Co|      |   output     |nG|AF| SH | AP |NS| Attr|type|

import { RAM_BASE } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as access from "./hal/access";
import * as cpu from "./hal/cpu";
import * as image from "./hal/image";

const VALID: u64 = 1;
const TABLE: u64 = 3;
const PAGE: u64 = 3;
const ACCESS: u64 = 1 << 10;
const INNER_SHAREABLE: u64 = 3 << 8;
const NEVER_EXECUTE: u64 = (3 as u64) << 53;

/** Indices into MAIR_EL1, as an entry has them: Device-nGnRE, Normal write-back, Normal non-cacheable. */
const ATTRIBUTES: u64 = 0x44ff04;
export const DEVICE: u64 = ACCESS | NEVER_EXECUTE;
export const NORMAL: u64 = (1 << 2) | ACCESS | INNER_SHAREABLE;
/** For EL0 as well: all of it, or reading and executing alone (what EL0 may write, EL1 may not execute). */
export const EL0: u64 = 1 << 6;
export const EL0_READ_ONLY: u64 = 3 << 6;
export const UNCACHED: u64 = (2 << 2) | ACCESS | INNER_SHAREABLE;

/** TCR_EL1: 39 bits, write-back walks, inner shareable, 4 KiB, no walks by TTBR1, 40 bits of output. */
const TCR: u64 = 25 | (1 << 8) | (1 << 10) | (3 << 12) | (1 << 23) | ((2 as u64) << 32);
/** SCTLR_EL1: M, C, I. */
const SCTLR_ON: u64 = 0x1005;

/** Tables are pages behind the image, taken in order; this is the next one. */
const next: usize = memory.data(8, 8);

function take(): u64 {
  const page = load<u64>(next) == 0 ? image.end() : load<u64>(next);
  store<u64>(next, page + 0x1000);
  for (let at: u64 = 0; at < 0x1000; at += 8) access.write64(page + at, 0);
  return page;
}

const root: usize = memory.data(8, 8);

/** Where the entry of `va` in a table of this level lies. */
function entryOf(table: u64, va: u64, level: u32): u64 {
  return table + (((va >> (39 - 9 * level)) & 511) << 3);
}

/** The table of the next level that an entry leads to, made if it is not there. */
function below(entry: u64): u64 {
  const value = access.read64(entry);
  if ((value & VALID) != 0) return value & 0xfffffffff000;
  const table = take();
  access.write64(entry, table | TABLE);
  return table;
}

/** Makes the tables and switches the MMU on. */
export function init(): void {
  const table = take();
  store<u64>(root, table);
  access.write64(entryOf(table, 0, 1), VALID | DEVICE);
  access.write64(entryOf(table, RAM_BASE, 1), RAM_BASE | VALID | NORMAL);
  initCpu();
}

/** Switches this CPU's MMU on, behind another's `init`. */
export function initCpu(): void {
  sysreg.writeMairEl1(ATTRIBUTES);
  sysreg.writeTcrEl1(TCR);
  sysreg.writeTtbr0El1(load<u64>(root));
  cpu.invalidateTlb();
  sysreg.writeSctlrEl1(sysreg.readSctlrEl1() | SCTLR_ON);
  cpu.isb();
}

/** Maps the page at `va` to `output`, with the attributes given. */
export function mapPage(va: u64, output: u64, attributes: u64): void {
  const level2 = below(entryOf(load<u64>(root), va, 1));
  const level3 = below(entryOf(level2, va, 2));
  access.write64(entryOf(level3, va, 3), output | attributes | PAGE);
  cpu.invalidateTlb();
}

/** Makes 1 GiB at `va` a table that lies at `table`, wherever that is. */
export function plantTable(va: u64, table: u64): void {
  access.write64(entryOf(load<u64>(root), va, 1), table | TABLE);
  cpu.invalidateTlb();
}

/** Maps 1 GiB at `va` to `output`. */
export function mapGiant(va: u64, output: u64, attributes: u64): void {
  access.write64(entryOf(load<u64>(root), va, 1), output | attributes | VALID);
  cpu.invalidateTlb();
}
