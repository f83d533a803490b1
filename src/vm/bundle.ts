// The bundle (abi/bundle.ts) as it lies in memory: its tree, and what its properties mean. It comes from outside: every number is checked, every
// payload lies in it. A mistake ends the run with one message: nothing has started yet.

import { BUNDLE_END, DT_COMPATIBLE, DT_TOTAL_SIZE } from "../../build/gen/bundle";
import { Pa } from "../hal/addr";
import * as phys from "../hal/phys";
import * as fdt from "../lib/fdt";
import { Fdt } from "../lib/fdt";
import { crash } from "../log/halt";

export const MISSING: u64 = 0xffffffffffffffff;

@unmanaged
class Bundle {
  base: u64;
  bytes: u64;
}
const bundle = changetype<Bundle>(memory.data(16, 8));
/** Its tree. */
export const tree = changetype<Fdt>(memory.data(64, 8));

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

/** Whether a node has a property. */
export function has(node: u32, name: string): u32 {
  return u32(fdt.property(tree, node, name) != 0);
}

/** A number of a node; MISSING where there is none. */
export function number(node: u32, name: string): u64 {
  return fdt.number64(tree, node, name, MISSING);
}

/** A number of a node that must be there, from `low` to `high`; `what` is said when it is not, with the number and `high`. */
export function within(node: u32, name: string, low: u64, high: u64, what: string): u32 {
  const value = number(node, name);
  if (value < low || value > high) crash(what, value, high);
  return value as u32;
}

/** Offset and size of a payload inside the bundle into two words at `at`; false if it is not there. */
export function payload(node: u32, name: string, at: usize): bool {
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

/** The first child of a child `name` of a node; fdt.NONE where there is no such. */
export function firstOf(node: u32, name: string): u32 {
  const list = fdt.child(tree, node, name);
  return list == fdt.NONE ? fdt.NONE : fdt.firstChild(tree, list);
}

export function nextOf(node: u32): u32 {
  return fdt.nextSibling(tree, node);
}

/** How many children a child `name` of a node has; `what` is said when they are more than `limit`. */
export function countOf(node: u32, name: string, limit: u32, what: string): u32 {
  let count: u32 = 0;
  for (let at = firstOf(node, name); at != fdt.NONE; at = nextOf(at)) {
    if (count++ == limit) crash(what, limit);
  }
  return count;
}
