// Words of 64 bits: a u64 is a bigint here, as WebAssembly passes it; addresses of the simulated board fit a number.

export const MASK_64 = 0xffff_ffff_ffff_ffffn;

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

// These are asked millions of times a second: a word that passes through memory becomes numbers at the price of two instructions, where arithmetic on
// bigints, or Number() of one, is a call into the engine.
const cell = new BigUint64Array(1);
const halves = new Uint32Array(cell.buffer);

/** The low 64 bits of a word as a number, exact below 2^53. */
export const numberOf = (word: bigint): number => {
  cell[0] = word;
  return halves[1]! * 2 ** 32 + halves[0]!;
};

/** A whole number below 2^53 as a word. */
export const wordOf = (value: number): bigint => {
  halves[0] = value;
  halves[1] = value / 2 ** 32;
  return cell[0]!;
};

/** The low 32 bits of a word, and those above them. */
export const lowHalf = (word: bigint): number => {
  cell[0] = word;
  return halves[0]!;
};
export const highHalf = (word: bigint): number => {
  cell[0] = word;
  return halves[1]!;
};

/** Powers of two: `2 ** n` is a call, too. */
const POWERS = Array.from({ length: 33 }, (_, n) => 2 ** n);

/** Bits `high` to `low` of a word, as a number. */
export const bits = (word: bigint, high: number, low: number): number => {
  cell[0] = word;
  const width = high - low + 1;
  const [bottom, top] = [halves[0]!, halves[1]!];
  if (low >= 32) return width === 32 ? top : (top >>> (low - 32)) & ((1 << width) - 1);
  if (high < 32) return width === 32 ? bottom : (bottom >>> low) & ((1 << width) - 1);
  return (top % POWERS[high - 31]!) * POWERS[32 - low]! + (bottom >>> low);
};

export const bit = (word: bigint, at: number): boolean => {
  cell[0] = word;
  return ((halves[at >> 5]! >>> (at & 31)) & 1) === 1;
};

/** The number of the lowest bit that is set in a word of 32, which is not 0. */
export const lowest = (word: number): number => 31 - Math.clz32(word & -word);
