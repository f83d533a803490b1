// Words of 64 bits: a u64 is a bigint here, as WebAssembly passes it; addresses of the simulated board fit a number.

export const MASK_64 = 0xffff_ffff_ffff_ffffn;

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** Bits `high` to `low` of a word, as a number. */
export const bits = (word: bigint, high: number, low: number): number =>
  Number((word >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n));

export const bit = (word: bigint, at: number): boolean => ((word >> BigInt(at)) & 1n) !== 0n;
