// SHA-256 (FIPS 180-4) for Linux programs without a library, with the SHA256 instructions of the vector registers (DDI 0487, A2.3), so that a vector
// register that is lost between VMs shows.

#pragma once

#pragma GCC target "+crypto"
#include <arm_neon.h>

#include "system-call.h"

enum { BLOCK = 64 };

static const u32 constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/** Whole blocks. */
static void update(const u8 *data, u64 blocks) {
  uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
  for (; blocks > 0; blocks--, data += BLOCK) {
    const uint32x4_t abcd0 = abcd, efgh0 = efgh;
    uint32x4_t word[4];
    for (int n = 0; n < 4; n++) word[n] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(data + 16 * n)));
    for (int n = 0; n < 16; n++) {
      const uint32x4_t sum = vaddq_u32(word[n % 4], vld1q_u32(constants + 4 * n)), before = abcd;
      abcd = vsha256hq_u32(abcd, efgh, sum);
      efgh = vsha256h2q_u32(efgh, before, sum);
      // The words of 16 rounds further on.
      word[n % 4] = vsha256su1q_u32(vsha256su0q_u32(word[n % 4], word[(n + 1) % 4]), word[(n + 2) % 4], word[(n + 3) % 4]);
    }
    abcd = vaddq_u32(abcd, abcd0);
    efgh = vaddq_u32(efgh, efgh0);
  }
  vst1q_u32(state, abcd);
  vst1q_u32(state + 4, efgh);
}

/** Ends a message of `length` bytes, of which `tail` holds those that fill no block, with room for two: a one bit, zeros, the length in bits. */
static void finish(u8 *tail, u64 length) {
  const u64 held = length % BLOCK, size = held + 9 <= BLOCK ? BLOCK : 2 * BLOCK;
  tail[held] = 0x80;
  for (u64 n = held + 1; n < size; n++) tail[n] = n < size - 8 ? 0 : length * 8 >> (size - 1 - n) * 8;
  update(tail, size / BLOCK);
}

/** Prints the digest, in hexadecimal. */
static void print_digest(void) {
  char line[65];
  for (int n = 0; n < 64; n++) line[n] = "0123456789abcdef"[state[n / 8] >> (28 - n % 8 * 4) & 15];
  line[64] = '\n';
  system_call(WRITE, STDOUT, (long)line, sizeof line);
}
