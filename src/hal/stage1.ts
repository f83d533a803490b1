// EL2's own tables: a few pages, numbered from 0 (the root); those that the build made come first. Writable until `lock`.

import { Pa } from "./addr";

export declare function read(page: u32, index: u32): u64;
/**
 * Writes an entry that is empty, of the root or of a table that was linked by this: a table entry must point to a page that the build has not
 * used and nothing points to yet; a leaf must be execute-never and lead to nothing of the hypervisor's image and memory.
 */
export declare function write(page: u32, index: u32, descriptor: u64): void;
/** Physical address of page 0; the others follow. */
export declare function base(): Pa;
/** Makes the tables read-only, for good. */
export declare function lock(): void;
