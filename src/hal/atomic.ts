// Words that several CPUs touch, in the core's memory, aligned at 4 bytes (Arm ARM B2.3: load-acquire, store-release). What changes a word
// returns its old value; it is both acquire and release.

export declare function load32(at: usize): u32;
export declare function store32(at: usize, value: u32): void;
export declare function add32(at: usize, value: u32): u32;
export declare function or32(at: usize, value: u32): u32;
export declare function swap32(at: usize, value: u32): u32;
