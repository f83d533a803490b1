// This CPU.

/** Its number, from 0. */
export declare function number(): u32;
/** Sleeps until an interrupt is pending; interrupts stay masked. */
export declare function wfi(): void;
/** For the body of a spin loop. */
export declare function relax(): void;
/** Calls the firmware (SMC Calling Convention): the functions that abi/calls.ts lists as firmwareCalls, no other. */
export declare function smc(id: u64, a: u64, b: u64, c: u64): u64;
/** Stops this CPU for good. */
export declare function halt(): void;
