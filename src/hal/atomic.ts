// Words that several CPUs touch, in the core's memory, aligned at their size (Arm ARM B2.3: load-acquire, store-release). What changes a word
// returns its old value; it is both acquire and release.

export declare function load32(at: usize): u32;
export declare function store32(at: usize, value: u32): void;
export declare function add32(at: usize, value: u32): u32;
export declare function or32(at: usize, value: u32): u32;
export declare function swap32(at: usize, value: u32): u32;
/** Writes `value` if the word is `expected`. */
export declare function compareAndSwap32(at: usize, expected: u32, value: u32): u32;
export declare function load64(at: usize): u64;
export declare function store64(at: usize, value: u64): void;
