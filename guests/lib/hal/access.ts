// One load or store of exactly this width at an address: devices, translation tables, RAM.

export declare function read8(address: u64): u32;
export declare function read16(address: u64): u32;
export declare function read32(address: u64): u32;
export declare function read64(address: u64): u64;
export declare function write8(address: u64, value: u32): void;
export declare function write16(address: u64, value: u32): void;
export declare function write32(address: u64, value: u32): void;
export declare function write64(address: u64, value: u64): void;
/** Adds to a word of Normal memory by load- and store-exclusive, as often as it takes. */
export declare function add64(address: u64, value: u64): void;
