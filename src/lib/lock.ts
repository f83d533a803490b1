// Ticket locks: whoever comes first is served first, so nobody starves. abi/locks.ts states their order: a CPU takes one only while it holds none that
// stands at the same place or behind it.

import * as atomic from "../hal/atomic";
import * as cpu from "../hal/cpu";

@unmanaged
export class Lock {
  /** The ticket that is drawn next, and the one that is served. */
  next: u32;
  serving: u32;
  /** LOCK_… of abi/locks.ts. */
  place: u32;
}

/** Draws a ticket. */
export function draw(lock: Lock): u32 {
  return atomic.add32(changetype<usize>(lock) + offsetof<Lock>("next"), 1);
}

/** Whether the ticket's turn has come: its holder has the lock then. */
export function isServed(lock: Lock, ticket: u32): bool {
  return atomic.load32(changetype<usize>(lock) + offsetof<Lock>("serving")) == ticket;
}

export function acquire(lock: Lock): void {
  const ticket = draw(lock);
  if (!isServed(lock, ticket)) wait(lock, ticket);
}

function wait(lock: Lock, ticket: u32): void {
  while (!isServed(lock, ticket)) cpu.relax();
}

export function release(lock: Lock): void {
  atomic.store32(changetype<usize>(lock) + offsetof<Lock>("serving"), lock.serving + 1);
}
