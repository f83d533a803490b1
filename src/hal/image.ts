// The hypervisor's own image in physical memory.

export declare function start(): u64;
/** The end of what the image takes, with its zeroed data and the core's memory. */
export declare function end(): u64;
