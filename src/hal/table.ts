// Stage-2 tables: 4 KiB pages outside the core's memory, in a pool that is named once at boot. The HAL knows which pages are tables and of
// which level, and refuses a table entry that points elsewhere than to a table of the next level, and a leaf whose output is not RAM of a
// guest (phys.addBank).

import { Pa } from "./addr";

/** Names the pool. At boot only, once. */
export declare function setPool(base: Pa, pages: u32): void;
/** Makes a page of the pool an empty table of a level (1 to 3), for good. */
export declare function format(table: Pa, level: u32): void;
export declare function read(table: Pa, index: u32): u64;
/** Points entry `index` at the table `next`. */
export declare function writeTable(table: Pa, index: u32, next: Pa): void;
/** Writes a block (level 1, 2) or page (level 3) descriptor. */
export declare function writeLeaf(table: Pa, index: u32, descriptor: u64): void;
