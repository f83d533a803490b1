// The hypervisor's one random generator (chacha20.ts), which all CPUs share.

import { LOCK_LAST } from "../../build/gen/locks";
import * as chacha20 from "./chacha20";
import { Random } from "./chacha20";
import { acquire, Lock, release } from "./lock";

const lock = changetype<Lock>(memory.data<u32>([0, 0, LOCK_LAST], 4));
const random = changetype<Random>(memory.data(136, 8));

/** Whether it has been started. */
export function isReady(): bool {
  return random.ready != 0;
}

/** Mixes eight bytes of a seed into its key, at word pair `index` of four. At boot only. */
export function mix(index: u32, seed: u64): void {
  chacha20.mix(random, index, seed);
}

/** Starts it with what has been mixed in. At boot only. */
export function start(): void {
  chacha20.start(random);
}

/** Eight random bytes. Only when it is ready. */
export function next(): u64 {
  acquire(lock);
  const word = chacha20.next(random);
  release(lock);
  return word;
}
