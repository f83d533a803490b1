// Fields that several CPUs share, in the core's memory: never touched by plain loads and stores.

/** Load-acquire. */
export declare function load(address: usize): u32;
/** Store-release. */
export declare function store(address: usize, value: u32): void;
/** Writes `desired` if `expected` is there; returns what was there. Acquire and release. */
export declare function compareAndSwap(address: usize, expected: u32, desired: u32): u32;
/** Adds and returns what was there. */
export declare function fetchAdd(address: usize, value: u32): u32;
export declare function fetchOr(address: usize, value: u32): u32;
export declare function fetchAnd(address: usize, value: u32): u32;
