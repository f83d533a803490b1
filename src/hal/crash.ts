// What is left to tell of a crash at EL2.

/** A register at the moment of the exception: 0 to 30, then SP, ELR, SPSR, ESR, FAR, HPFAR. */
export declare function register(index: u32): u64;
/** A word of a stack of this CPU; 0 where there is none. */
export declare function stackWord(va: u64): u64;
/** A word of the table of functions (tool/chain/symbols.ts); 0 behind its end. */
export declare function symbolWord(index: u32): u32;
