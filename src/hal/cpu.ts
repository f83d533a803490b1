// This CPU.

/** Its number, from 0. */
export declare function number(): u32;
/**
 * Has the firmware start another CPU (PSCI CPU_ON, DEN0022 5.6), which enters the core by `bootCpu(number)`; `number` is 1 to MAX_CPUS - 1. Returns what the
 * firmware answers.
 */
export declare function start(mpidr: u64, number: u32): u64;
/** For the body of a spin loop. Does not return once another CPU has crashed. */
export declare function relax(): void;
/** Calls the firmware (SMC Calling Convention): the functions that abi/calls.ts lists as firmwareCalls, no other. */
export declare function smc(id: u64, a: u64, b: u64, c: u64): u64;
/** Stops this CPU for good. */
export declare function halt(): void;
