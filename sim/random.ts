// Random numbers that a seed repeats.

/** A whole number from 0 up to, not including, `below`, which is at most 2^32. */
export type Random = (below: number) => number;

/** Mulberry32: the same numbers for the same seed, of which 32 bits count. */
export const randomOf = (seed: number): Random => {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
};

/** One of a list that is not empty. */
export const oneOf = <T>(random: Random, list: readonly T[]): T => list[random(list.length)] as T;

/** True once in `times`. */
export const once = (random: Random, times: number): boolean => random(times) === 0;

/** 64 random bits. */
export const word = (random: Random): bigint => (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
