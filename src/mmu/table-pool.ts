// Pages for stage-2 tables: what is left of the hypervisor's own memory behind its image. Pages that were given back are taken first.

import { HYP_SIZE } from "../../build/gen/layout";
import { Pa } from "../hal/addr";
import * as table from "../hal/table";
import { acquire, release } from "../lib/lock";
import { lock } from "./lock";

const MAX_PAGES: u32 = (HYP_SIZE >> 12) as u32;

@unmanaged
class Pool {
  base: u64;
  /** How many pages there are, how many of them have ever been taken, and how many of those are back. */
  pages: u32;
  used: u32;
  returned: u32;
}
const pool = changetype<Pool>(memory.data(24, 8));
/** Numbers of the pages that are back, the one that came last on top. */
const stack: usize = memory.data(32768, 8);

/** Names the pool: [base, end), page-aligned, inside HYP_SIZE. */
export function init(base: Pa, end: Pa): void {
  const pages = (((end as u64) - (base as u64)) >> 12) as u32;
  pool.base = base as u64;
  pool.pages = min<u32>(pages, MAX_PAGES);
  table.setPool(base, pool.pages);
}

/** An empty table of a level (1 to 3); 0 when there is none left. */
export function take(level: u32): Pa {
  let number = MAX_PAGES;
  acquire(lock);
  if (pool.returned != 0) {
    pool.returned--;
    number = load<u16>(stack + (pool.returned << 1));
  } else if (pool.used < pool.pages) {
    number = pool.used++;
  }
  release(lock);
  if (number == MAX_PAGES) return 0 as Pa;
  const page = (pool.base + ((number as u64) << 12)) as Pa;
  table.format(page, level);
  return page;
}

/** Gives back a table that is empty, that nothing points at, and that no TLB has anything of. */
export function give(page: Pa): void {
  table.release(page);
  acquire(lock);
  store<u16>(stack + (pool.returned << 1), (((page as u64) - pool.base) >> 12) as u16);
  pool.returned++;
  release(lock);
}

/** How many pages can be taken. */
export function freePages(): u32 {
  acquire(lock);
  const free = pool.pages - pool.used + pool.returned;
  release(lock);
  return free;
}
