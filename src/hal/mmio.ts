// Registers of the board's devices, by physical address: only pages that stage 1 maps as devices answer, the rest faults.

import { Pa } from "./addr";

export declare function read32(pa: Pa): u32;
export declare function read64(pa: Pa): u64;
export declare function write8(pa: Pa, value: u32): void;
export declare function write32(pa: Pa, value: u32): void;
export declare function write64(pa: Pa, value: u64): void;
