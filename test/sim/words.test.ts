// Fields of 64-bit words as numbers (sim/words.ts), against the arithmetic of bigints.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { randomOf, word } from "../../sim/random.ts";
import { bit, bits, highHalf, lowHalf, MASK_64, numberOf } from "../../sim/words.ts";

const random = randomOf(1);
const words = [0n, 1n, MASK_64, 1n << 31n, 1n << 32n, 1n << 63n, 0xffff_ffffn, ...Array.from({ length: 50 }, () => word(random))];

test("every field of a word", () => {
  for (const one of words)
    for (let low = 0; low < 64; low++)
      for (let high = low; high < 64; high++)
        assert.equal(bits(one, high, low), Number(BigInt.asUintN(high - low + 1, one >> BigInt(low))), `${one} ${high} ${low}`);
});

test("bits, halves, and the whole of a word", () => {
  for (const one of words) {
    for (let at = 0; at < 64; at++) assert.equal(bit(one, at), ((one >> BigInt(at)) & 1n) === 1n, `${one} ${at}`);
    assert.deepEqual([lowHalf(one), highHalf(one)], [Number(one & 0xffff_ffffn), Number(one >> 32n)]);
    assert.equal(numberOf(one), Number(one));
  }
});
