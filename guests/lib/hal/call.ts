// Calls to the hypervisor (SMC Calling Convention, DEN0028), by HVC #0 and SMC #0.

/** Returns x0; the other results are in `result`. */
export declare function hvc(id: u64, a: u64, b: u64, c: u64): u64;
export declare function smc(id: u64, a: u64, b: u64, c: u64): u64;
/** x0 to x3 as the last hvc or smc left them. */
export declare function result(n: u32): u64;
/** HVC #0 without arguments: the identifier in x0, the answer in x0, nothing else around it. */
export declare function plain(id: u64): u64;
