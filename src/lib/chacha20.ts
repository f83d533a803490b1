// A random generator: ChaCha20 (RFC 8439, 2.3) keyed by the board's seed, with the key replaced by the generator's own output after each
// request, so that an old output cannot be found out from a later state (fast key erasure).

@unmanaged
export class Random {
  /** Whether it has been seeded. */
  ready: u32;
  /** The input block: constants, key (words 4 to 11), counter (12), nonce (13 to 15). */
  s0: u32;
  s1: u32;
  s2: u32;
  s3: u32;
  s4: u32;
  s5: u32;
  s6: u32;
  s7: u32;
  s8: u32;
  s9: u32;
  s10: u32;
  s11: u32;
  s12: u32;
  s13: u32;
  s14: u32;
  s15: u32;
  /** The output block: words 0 to 7 become the next key, words 8 to 15 are handed out. */
  o0: u32;
  o1: u32;
  o2: u32;
  o3: u32;
  o4: u32;
  o5: u32;
  o6: u32;
  o7: u32;
  o8: u32;
  o9: u32;
  o10: u32;
  o11: u32;
  o12: u32;
  o13: u32;
  o14: u32;
  o15: u32;
}

const STATE: usize = 4;
const OUTPUT: usize = 68;
const KEY: usize = STATE + 16;

function quarter(block: usize, a: usize, b: usize, c: usize, d: usize): void {
  let va = load<u32>(block + a);
  let vb = load<u32>(block + b);
  let vc = load<u32>(block + c);
  let vd = load<u32>(block + d);
  va += vb;
  vd = rotl<u32>(vd ^ va, 16);
  vc += vd;
  vb = rotl<u32>(vb ^ vc, 12);
  va += vb;
  vd = rotl<u32>(vd ^ va, 8);
  vc += vd;
  vb = rotl<u32>(vb ^ vc, 7);
  store<u32>(block + a, va);
  store<u32>(block + b, vb);
  store<u32>(block + c, vc);
  store<u32>(block + d, vd);
}

/** One block: from the input to the output; the counter moves on. */
function block(random: Random): void {
  const state = changetype<usize>(random) + STATE;
  const output = changetype<usize>(random) + OUTPUT;
  for (let i: usize = 0; i < 64; i += 4) store<u32>(output + i, load<u32>(state + i));
  for (let round = 0; round < 10; round++) {
    quarter(output, 0, 16, 32, 48);
    quarter(output, 4, 20, 36, 52);
    quarter(output, 8, 24, 40, 56);
    quarter(output, 12, 28, 44, 60);
    quarter(output, 0, 20, 40, 60);
    quarter(output, 4, 24, 44, 48);
    quarter(output, 8, 28, 32, 52);
    quarter(output, 12, 16, 36, 56);
  }
  for (let i: usize = 0; i < 64; i += 4) store<u32>(output + i, load<u32>(output + i) + load<u32>(state + i));
  random.s12++;
}

/** Mixes eight bytes of a seed into the key, at word pair `index` of four. */
export function mix(random: Random, index: u32, seed: u64): void {
  const at = changetype<usize>(random) + KEY + (((index & 3) as usize) << 3);
  store<u64>(at, load<u64>(at) ^ seed);
}

/** Starts the generator with what has been mixed in. */
export function start(random: Random): void {
  random.s0 = 0x61707865;
  random.s1 = 0x3320646e;
  random.s2 = 0x79622d32;
  random.s3 = 0x6b206574;
  random.ready = 1;
}

/** Eight random bytes. Only after `start`. */
export function next(random: Random): u64 {
  block(random);
  const base = changetype<usize>(random);
  for (let i: usize = 0; i < 32; i += 4) store<u32>(base + KEY + i, load<u32>(base + OUTPUT + i));
  return load<u64>(base + OUTPUT + 32);
}
