// Any instruction at all: it is written into memory and called, so that a program can try what no compiler emits.

/** Runs `word` with these values in x0 to x3, then returns x0. An exception at it finds ELR_EL1 = `address()`; going on behind it is + 4. */
export declare function run(word: u32, x0: u64, x1: u64, x2: u64, x3: u64): u64;
/** x0 to x3 as the last `run` left them. */
export declare function result(n: u32): u64;
/** Where `run` puts the instruction. */
export declare function address(): u64;
/** Calls `target`. An exception there finds the address to return to in x30. */
export declare function jump(target: u64): void;

/**
 * Runs `word` at EL0 with these values in x0 and x1, where EL0 sees `addressOfEl0()` at `alias`; returns x0. Behind it stands SVC #0. The exception
 * that comes of either is to go on at `backFromEl0()`.
 */
export declare function runAtEl0(word: u32, alias: u64, x0: u64, x1: u64): u64;
export declare function addressOfEl0(): u64;
export declare function backFromEl0(): u64;
