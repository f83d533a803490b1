// EL2's own tables: a few pages, numbered from 0 (the root); those that the build made come first. Writable until `lock`.

import { Pa } from "./addr";

export declare function read(page: u32, index: u32): u64;
/** Writes an entry: a table entry must point into these pages, a leaf must be execute-never. */
export declare function write(page: u32, index: u32, descriptor: u64): void;
/** Physical address of page 0; the others follow. */
export declare function base(): Pa;
/** Makes the tables read-only, for good. */
export declare function lock(): void;
