// Registers of the board's devices, by physical address: only pages that stage 1 maps as devices answer, the rest faults.

export declare function read8(pa: u64): u32;
export declare function read32(pa: u64): u32;
export declare function read64(pa: u64): u64;
export declare function write8(pa: u64, value: u32): void;
export declare function write32(pa: u64, value: u32): void;
export declare function write64(pa: u64, value: u64): void;
