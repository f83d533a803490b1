// Words of 64 bits: a u64 is a bigint here, as WebAssembly passes it; addresses of the simulated board fit a number.

export const MASK_64 = 0xffff_ffff_ffff_ffffn;

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** Distances to shift by: the walkers shift millions of times a second, and a bigint that is made anew costs more than the shift. */
const SHIFTS = Array.from({ length: 64 }, (_, n) => BigInt(n));

const BITS = SHIFTS.map((n) => 1n << n);

/** Bits `high` to `low` of a word, as a number. */
export const bits = (word: bigint, high: number, low: number): number =>
  Number(BigInt.asUintN(high - low + 1, BigInt.asUintN(64, word) >> SHIFTS[low]!));

export const bit = (word: bigint, at: number): boolean => (BigInt.asUintN(64, word) & BITS[at]!) !== 0n;

/** The number of the lowest bit that is set in a word of 32, which is not 0. */
export const lowest = (word: number): number => 31 - Math.clz32(word & -word);
