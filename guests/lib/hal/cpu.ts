// This CPU: interrupts, barriers, time.

/** PSTATE.I: lets interrupts in, or keeps them out. */
export declare function unmask(): void;
export declare function mask(): void;
export declare function wfi(): void;
export declare function relax(): void;
export declare function isb(): void;
export declare function dsb(): void;
/** Forgets every translation of EL1 and EL0. */
export declare function invalidateTlb(): void;
/** CNTVCT_EL0, not read ahead of what stands before it. */
export declare function count(): u64;
