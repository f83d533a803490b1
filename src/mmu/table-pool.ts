// Pages for stage-2 tables: what is left of the hypervisor's own memory behind its image. VMs live as long
// as the hypervisor, so pages are taken in order and never given back.

import { HYP_SIZE } from "../../build/gen/layout";
import { Pa } from "../hal/addr";
import * as table from "../hal/table";

@unmanaged
class Pool {
  base: u64;
  /** How many pages there are, and how many of them have ever been taken. */
  pages: u32;
  used: u32;
}
const pool = changetype<Pool>(memory.data(16, 8));

/** Names the pool: [base, end), page-aligned, inside HYP_SIZE. */
export function init(base: Pa, end: Pa): void {
  const pages = (((end as u64) - (base as u64)) >> 12) as u32;
  pool.base = base as u64;
  pool.pages = min<u32>(pages, (HYP_SIZE >> 12) as u32);
  table.setPool(base, pool.pages);
}

/** An empty table of a level (1 to 3); 0 when there is none left. */
export function take(level: u32): Pa {
  if (pool.used == pool.pages) return 0 as Pa;
  const page = (pool.base + ((pool.used as u64) << 12)) as Pa;
  pool.used++;
  table.format(page, level);
  return page;
}
