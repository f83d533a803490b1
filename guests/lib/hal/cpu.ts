// This CPU: its number, interrupts, barriers, time.

/** MPIDR_EL1.Aff0: which vCPU of the VM this is, from 0. */
export declare function number(): u32;
/** PSTATE.I: lets interrupts in, or keeps them out. */
export declare function unmask(): void;
export declare function mask(): void;
export declare function wfi(): void;
export declare function wfe(): void;
export declare function relax(): void;
export declare function isb(): void;
export declare function dsb(): void;
/** Forgets every translation of EL1 and EL0. */
export declare function invalidateTlb(): void;
/** CNTVCT_EL0, not read ahead of what stands before it. */
export declare function count(): u64;
