// The console's lock (its place in the order: abi/locks.ts). It guards the board's UART, the log, all ports, and what limits a VM's lines.

import { LOCK_CONSOLE } from "../../build/gen/locks";
import * as atomic from "../hal/atomic";
import * as cpu from "../hal/cpu";
import * as lock from "../lib/lock";
import { Lock } from "../lib/lock";

/** So often a CPU that crashes looks whether the lock is free: longer than anybody has it who is not stuck. */
const PATIENCE: u32 = 1 << 20;

const theLock = changetype<Lock>(memory.data<u32>([0, 0, LOCK_CONSOLE], 4));
/** The CPU that has taken the lock for good, plus one. */
const seizer: usize = memory.data(4, 4);

function isMine(): bool {
  return atomic.load32(seizer) == cpu.number() + 1;
}

export function enter(): void {
  if (!isMine()) lock.acquire(theLock);
}

export function leave(): void {
  if (!isMine()) lock.release(theLock);
}

/**
 * Takes the lock for good, for a CPU that will not go on: `enter` and `leave` do nothing on it from now on. Whoever has the lock, this very CPU it may
 * be, gets some time to finish; then it is taken all the same. False if this CPU had done so before.
 */
export function seize(): bool {
  if (isMine()) return false;
  const ticket = lock.draw(theLock);
  for (let patience = PATIENCE; patience != 0 && !lock.isServed(theLock, ticket); patience--) cpu.relax();
  atomic.store32(seizer, cpu.number() + 1);
  return true;
}
