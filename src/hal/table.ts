// Stage-2 tables: 4 KiB pages outside the core's memory, in a pool that is named once at boot. The HAL knows which pages are tables and of
// which level, and refuses a table entry that points elsewhere than to a table of the next level, and a leaf whose output is not RAM of a
// guest (phys.addBank).

import { Pa } from "./addr";

/** Names the pool. At boot only, once. */
export declare function setPool(base: Pa, pages: u32): void;
/** Makes a page of the pool, which is none, an empty table of a level (1 to 3). */
export declare function format(table: Pa, level: u32): void;
export declare function read(table: Pa, index: u32): u64;
/** How many entries of a table are valid. */
export declare function used(table: Pa): u32;
/** Points entry `index`, which is invalid, at the table `next`, which belongs to nobody. */
export declare function writeTable(table: Pa, index: u32, next: Pa): void;
/** Writes a block (level 1, 2) or page (level 3) descriptor into an entry that is invalid. */
export declare function writeLeaf(table: Pa, index: u32, descriptor: u64): void;
/** Makes an entry invalid. A table that it pointed at belongs to nobody then. */
export declare function clear(table: Pa, index: u32): void;
/** Makes a table a mere page again. It must be empty, belong to nobody, and be the root of no CPU's stage 2 (VTTBR_EL2). */
export declare function release(table: Pa): void;
