// The random generator, word by word: the key stream is ChaCha20's as OpenSSL has it, and each request's first half is the next one's key.

import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";
import { instantiate } from "../../../sim/compiled.ts";
import { compilePart } from "./part.ts";

interface Generator {
  readonly make: () => number;
  readonly mix: (random: number, index: number, seed: bigint) => void;
  readonly start: (random: number) => void;
  readonly next: (random: number) => bigint;
}

const compiled = await compilePart(
  "chacha20",
  `export { mix, next, start } from "../../src/lib/chacha20";
export function make(): usize { return memory.data(136, 8); }
`,
);

/** 64 bytes of the key stream (RFC 8439, 2.3), at a counter, with a nonce of 0. */
const block = (key: Uint8Array, counter: number): Buffer => {
  const start = Buffer.alloc(16);
  start.writeUInt32LE(counter);
  return createCipheriv("chacha20", key, start).update(Buffer.alloc(64));
};

/** What a generator with this seed gives out. */
const expected = (seed: Buffer, count: number): bigint[] => {
  let key: Uint8Array = seed;
  return Array.from({ length: count }, (_, n) => {
    const stream = block(key, n);
    key = stream.subarray(0, 32);
    return stream.readBigUInt64LE(32);
  });
};

test("random words are those of ChaCha20 with the seed as its key, and with its own output from then on", () => {
  const generator = instantiate<Generator>(compiled, {});
  const random = generator.make();
  const seed = Buffer.from(Array.from({ length: 32 }, (_, n) => 7 * n + 3));
  for (let n = 0; n < 4; n++) generator.mix(random, n, seed.readBigUInt64LE(8 * n));
  generator.start(random);
  const words = Array.from({ length: 100 }, () => BigInt.asUintN(64, generator.next(random)));
  assert.deepEqual(words, expected(seed, 100));
});

test("a longer seed is folded into the key", () => {
  const generator = instantiate<Generator>(compiled, {});
  const random = generator.make();
  for (let n = 0; n < 6; n++) generator.mix(random, n, BigInt(n + 1));
  generator.start(random);
  const key = Buffer.alloc(32);
  for (const [n, word] of [1n ^ 5n, 2n ^ 6n, 3n, 4n].entries()) key.writeBigUInt64LE(word, 8 * n);
  assert.equal(BigInt.asUintN(64, generator.next(random)), expected(key, 1)[0]);
});
