// Memory for records that live as long as the hypervisor: taken once, in order, from what lies behind the core's static data,
// which is zero from the start (metal/boot.S).

import { WINDOW_PAGES } from "../../build/gen/layout";
import { LOCK_LAST } from "../../build/gen/locks";
import { acquire, Lock, release } from "./lock";

const lock = changetype<Lock>(memory.data<u32>([0, 0, LOCK_LAST], 4));
const next: usize = memory.data(8, 8);

/**
 * Takes `bytes` of zeros aligned at `align` (a power of two). Running out is a bug of ours: limits keep what is taken below the window's
 * size.
 */
export function take(bytes: usize, align: usize): usize {
  acquire(lock);
  const free = load<usize>(next);
  const start = ((free == 0 ? __heap_base : free) + align - 1) & ~(align - 1);
  if (start + bytes > (WINDOW_PAGES as usize) << 16) unreachable();
  store<usize>(next, start + bytes);
  release(lock);
  return start;
}
