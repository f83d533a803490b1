// Flattened device trees (Devicetree Specification v0.4, chapter 5): board, manifest and guest descriptions. A tree comes from outside: every
// read is inside its blocks, every step goes forward, depth is bounded.
//
//   header (10 words, big-endian): magic totalsize off_struct off_strings off_rsvmap version last_comp boot_cpu size_strings size_struct
//   structure block, words: 1 BEGIN_NODE name…\0 | 2 END_NODE | 3 PROP length nameoff data… | 4 NOP | 9 END
//
// A node or property is named by the offset of its token in the structure block, 0 is none for properties. The root is node 0.

import { Pa } from "../hal/addr";
import * as phys from "../hal/phys";

const MAGIC: u32 = 0xd00dfeed;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROP: u32 = 3;
export const NOP: u32 = 4;
const MAX_DEPTH: u32 = 16;
/** Bytes of the header. */
export const HEADER: u64 = 40;

/** No such node. */
export const NONE: u32 = 0xffffffff;

@unmanaged
export class Fdt {
  /** Physical address of the structure block, and its size. */
  structure: u64;
  structureSize: u32;
  stringsSize: u32;
  strings: u64;
  totalSize: u32;
  /** Bytes from the reservation block to the end of the tree, and where it lies. */
  reservationsSize: u32;
  reservations: u64;
}

function big(pa: u64): u32 {
  return bswap<u32>(phys.read32(pa as Pa));
}

/** The size that the header at `pa` names; 0 if that is none. */
export function totalSize(pa: Pa): u64 {
  return big(pa as u64) == MAGIC ? (big((pa as u64) + 4) as u64) : 0;
}

/**
 * Reads the header at `pa`; `limit` is how many bytes may be read there. False if this is no tree that lies inside them, or not all of its
 * nodes end.
 */
export function open(fdt: Fdt, pa: Pa, limit: u64): bool {
  const base = pa as u64;
  if (limit < HEADER || (base & 7) != 0 || big(base) != MAGIC) return false;
  const total = big(base + 4) as u64;
  const structure = big(base + 8) as u64;
  const strings = big(base + 12) as u64;
  const reservations = big(base + 16) as u64;
  const version = big(base + 20);
  const lastCompatible = big(base + 24);
  const stringsSize = big(base + 32) as u64;
  const structureSize = big(base + 36) as u64;
  if (version < 17 || lastCompatible > 17 || total > limit) return false;
  if (structure < HEADER || (structure & 3) != 0 || structure + structureSize > total || strings + stringsSize > total)
    return false;
  if (reservations < HEADER || (reservations & 7) != 0 || reservations + 16 > total) return false;
  fdt.structure = base + structure;
  fdt.structureSize = structureSize as u32;
  fdt.strings = base + strings;
  fdt.stringsSize = stringsSize as u32;
  fdt.totalSize = total as u32;
  fdt.reservations = base + reservations;
  fdt.reservationsSize = (total - reservations) as u32;
  return tokenAt(fdt, 0) == BEGIN_NODE && afterNode(fdt, 0) != NONE;
}

/** Word `word` (0: address, 1: size) of entry `index` of the memory reservation block (5.3); 0 outside. An entry of zeros is its end. */
export function reservation(fdt: Fdt, index: u32, word: u32): u64 {
  const at = ((index as u64) << 4) + (word << 3);
  if (at + 8 > fdt.reservationsSize) return 0;
  return ((big(fdt.reservations + at) as u64) << 32) | big(fdt.reservations + at + 4);
}

/** The word at offset `at`; 0, which is no token, outside. */
function tokenAt(fdt: Fdt, at: u32): u32 {
  if ((at as u64) + 4 > fdt.structureSize) return 0;
  return big(fdt.structure + at);
}

/** The offset behind the token at `at`, or NONE when it is not whole or unknown. */
function after(fdt: Fdt, at: u32): u32 {
  const token = tokenAt(fdt, at);
  let end: u64 = (at as u64) + 4;
  if (token == BEGIN_NODE) {
    while (end < fdt.structureSize && phys.read8((fdt.structure + end) as Pa) != 0) end++;
    end++;
  } else if (token == PROP) {
    end += (8 as u64) + tokenAt(fdt, at + 4);
  } else if (token != END_NODE && token != NOP) {
    return NONE;
  }
  end = (end + 3) & ~(3 as u64);
  return end > fdt.structureSize ? NONE : (end as u32);
}

/** Offset of the first BEGIN_NODE or END_NODE token from `at` on, or NONE. */
function skipProperties(fdt: Fdt, at: u32): u32 {
  while (at != NONE) {
    const token = tokenAt(fdt, at);
    if (token == BEGIN_NODE || token == END_NODE) return at;
    at = after(fdt, at);
  }
  return NONE;
}

/** The offset behind the END_NODE of `node`, or NONE. */
function afterNode(fdt: Fdt, node: u32): u32 {
  let depth: u32 = 0;
  let at = node;
  while (at != NONE) {
    const token = tokenAt(fdt, at);
    at = after(fdt, at);
    if (token == BEGIN_NODE && ++depth > MAX_DEPTH) return NONE;
    if (token == END_NODE && --depth == 0) return at;
  }
  return NONE;
}

function nodeAt(fdt: Fdt, at: u32): u32 {
  const found = skipProperties(fdt, at);
  return found != NONE && tokenAt(fdt, found) == BEGIN_NODE ? found : NONE;
}

export function firstChild(fdt: Fdt, node: u32): u32 {
  return nodeAt(fdt, after(fdt, node));
}

export function nextSibling(fdt: Fdt, node: u32): u32 {
  return nodeAt(fdt, afterNode(fdt, node));
}

/** Whether the zero-terminated bytes at `pa`, before `end`, are `text`, up to `stop` or a zero. */
function sameText(pa: u64, end: u64, text: string, stop: u32): bool {
  const length = text.length;
  if (pa + length >= end) return false;
  for (let i = 0; i < length; i++) {
    if ((phys.read8((pa + i) as Pa) as i32) != text.charCodeAt(i)) return false;
  }
  const last = phys.read8((pa + length) as Pa);
  return last == 0 || last == stop;
}

/** Whether the node's name, without its unit address, is `name`. */
export function nodeIs(fdt: Fdt, node: u32, name: string): bool {
  return sameText(fdt.structure + node + 4, fdt.structure + fdt.structureSize, name, 0x40);
}

/** The child of that name, or NONE. */
export function child(fdt: Fdt, node: u32, name: string): u32 {
  let at = firstChild(fdt, node);
  while (at != NONE && !nodeIs(fdt, at, name)) at = nextSibling(fdt, at);
  return at;
}

/** A property of a node, or 0. */
export function property(fdt: Fdt, node: u32, name: string): u32 {
  let at = after(fdt, node);
  while (at != NONE) {
    const token = tokenAt(fdt, at);
    if (token == PROP) {
      const offset = tokenAt(fdt, at + 8);
      if (sameText(fdt.strings + offset, fdt.strings + fdt.stringsSize, name, 0)) return after(fdt, at) == NONE ? 0 : at;
    } else if (token != NOP) {
      return 0;
    }
    at = after(fdt, at);
  }
  return 0;
}

/** Bytes of a property's value; 0 for property 0. */
export function length(fdt: Fdt, prop: u32): u32 {
  return prop == 0 ? 0 : tokenAt(fdt, prop + 4);
}

/** Where a property's value lies. */
export function value(fdt: Fdt, prop: u32): Pa {
  return (fdt.structure + prop + 12) as Pa;
}

/** Cell `index` (32 bits) of a property; 0 where there is none. */
export function cell(fdt: Fdt, prop: u32, index: u32): u32 {
  return ((index as u64) + 1) * 4 <= length(fdt, prop) ? big((value(fdt, prop) as u64) + ((index as u64) << 2)) : 0;
}

/** A number of `cells` (1 or 2) cells from cell `index` on. */
export function number(fdt: Fdt, prop: u32, index: u32, cells: u32): u64 {
  const first = cell(fdt, prop, index) as u64;
  return cells == 1 ? first : (first << 32) | cell(fdt, prop, index + 1);
}

/** A property of exactly one 64-bit number; `missing` where it is not there or has another size. */
export function number64(fdt: Fdt, node: u32, name: string, missing: u64): u64 {
  const prop = property(fdt, node, name);
  return length(fdt, prop) == 8 ? number(fdt, prop, 0, 2) : missing;
}

/** Whether a property, a list of zero-terminated strings, has `text` in it. */
export function includes(fdt: Fdt, prop: u32, text: string): bool {
  const end = (value(fdt, prop) as u64) + length(fdt, prop);
  let at = value(fdt, prop) as u64;
  while (prop != 0 && at < end) {
    if (sameText(at, end, text, 0)) return true;
    while (at < end && phys.read8(at as Pa) != 0) at++;
    at++;
  }
  return false;
}
