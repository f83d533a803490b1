// Physical memory that is not the hypervisor's own: guests' RAM, the bundle, and at boot the board's device tree. Addresses must lie in
// the range that `restrict` names; the hypervisor stops on any other.

import { Pa } from "./addr";

/**
 * Adds a bank of the board's RAM, without what is the hypervisor's own: stage-2 leaves may point into banks alone. At
 * boot only, before table.setPool.
 */
export declare function addBank(pa: Pa, bytes: u64): void;
/** From now on, calls of this module reach [low, high) alone. At boot only. */
export declare function restrict(low: Pa, high: Pa): void;
export declare function read8(pa: Pa): u32;
export declare function read32(pa: Pa): u32;
export declare function read64(pa: Pa): u64;
export declare function write8(pa: Pa, value: u32): void;
export declare function write32(pa: Pa, value: u32): void;
export declare function write64(pa: Pa, value: u64): void;
/** A load-acquire and a store-release of 16 bits, aligned (Arm ARM B2.3.7): the indices of rings that others read and write. */
export declare function load16(pa: Pa): u32;
export declare function store16(pa: Pa, value: u32): void;
/** Copies between ranges that do not overlap. */
export declare function copy(to: Pa, from: Pa, bytes: u64): void;
/** The sum of a range's words of 64 bits in one's complement (RFC 1071), the last one filled up with zeros. */
export declare function sum(pa: Pa, bytes: u64): u64;
/** Zeroes; 4 KiB aligned, `bytes` a multiple of 4 KiB. */
export declare function zero(pa: Pa, bytes: u64): void;
