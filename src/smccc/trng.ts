// TRNG calls (Arm DEN0098): random bits from the core's generator, which the board's seed has keyed; NOT_SUPPORTED without one.

import {
  SUCCESS,
  TRNG_FEATURES,
  TRNG_GET_UUID,
  TRNG_INVALID_PARAMETERS,
  TRNG_NOT_SUPPORTED,
  TRNG_RND_32,
  TRNG_RND_64,
  TRNG_UUID_0,
  TRNG_UUID_1,
  TRNG_UUID_2,
  TRNG_UUID_3,
  TRNG_VERSION,
} from "../../build/gen/calls";
import * as random from "../lib/random";
import { Vcpu } from "../vm/records";

export function version(): u64 {
  return random.isReady() ? 0x10000 : TRNG_NOT_SUPPORTED;
}

export function features(id: u64): u64 {
  if (!random.isReady()) return TRNG_NOT_SUPPORTED;
  switch (id as u32) {
    case TRNG_VERSION:
    case TRNG_FEATURES:
    case TRNG_GET_UUID:
    case TRNG_RND_32:
    case TRNG_RND_64:
      return SUCCESS;
    default:
      return TRNG_NOT_SUPPORTED;
  }
}

/** Four words of 32 bits, the first byte of the UUID lowest. */
export function uuid(vcpu: Vcpu): u64 {
  if (!random.isReady()) return TRNG_NOT_SUPPORTED;
  vcpu.x1 = TRNG_UUID_1;
  vcpu.x2 = TRNG_UUID_2;
  vcpu.x3 = TRNG_UUID_3;
  return TRNG_UUID_0;
}

/** `bits` random bits, right-aligned over x1 (most significant), x2, x3, each of `width` bits; what is above them is zero. */
export function rnd(vcpu: Vcpu, width: u32, bits: u64): u64 {
  if (!random.isReady()) return TRNG_NOT_SUPPORTED;
  if (bits == 0 || bits > width * 3) return TRNG_INVALID_PARAMETERS;
  vcpu.x3 = word(width, bits as u32, 0);
  vcpu.x2 = word(width, bits as u32, width);
  vcpu.x1 = word(width, bits as u32, width * 2);
  return SUCCESS;
}

/** The part of `bits` bits that lies in the register of `width` bits that starts at bit `first`. */
function word(width: u32, bits: u32, first: u32): u64 {
  if (bits <= first) return 0;
  const count = min<u32>(bits - first, width);
  return count == 64 ? random.next() : random.next() & (((1 as u64) << count) - 1);
}
