// The state that the latest exception of this CPU interrupted, while onException runs.

/** x0 to x30; 31 is SPSR_EL1. */
export declare function register(n: u32): u64;
