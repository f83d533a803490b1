// Where this guest's own image ends, and how it was entered.

/** The first byte that the image does not use, a multiple of 64 KiB. */
export declare function end(): u64;
/** x0 at the first instruction. */
export declare function argument(): u64;
/** All of x1 to x30, SP and VBAR_EL1 at the first instruction, or-ed. */
export declare function leftovers(): u64;
/** All 32 vector registers as they are now, FPCR and FPSR, or-ed; CPACR_EL1 must let EL1 use them. */
export declare function vectorLeftovers(): u64;
/** Fills both halves of V<n> with value + n, for all 32. */
export declare function fillVectors(value: u64): void;
/** What differs from that, or-ed: 0 while all 32 hold what fillVectors(value) wrote. */
export declare function vectorDifferences(value: u64): u64;
/** Where a further CPU starts (start.S): it gets a stack of its own and calls the program's onCpu(context, leftovers). */
export declare function secondaryEntry(): u64;
