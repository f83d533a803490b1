// The CPUs of the board that the hypervisor runs on: one record each, and requests among them. A request is a bit in the CPU's record and an SGI of the
// board that makes it look.

import { MAX_CPUS } from "../../build/gen/layout";
import * as gicv3 from "../drivers/gicv3";
import * as atomic from "../hal/atomic";
import * as cpu from "../hal/cpu";
import { Vcpu } from "../vm/records";

/** Requests to a CPU. */
export const enum Request {
  /** Choose anew which vCPU runs. */
  SCHEDULE = 1,
  /** Look at the virtual interrupts of the vCPU that is loaded. */
  LOOK = 2,
}

/** What a CPU has to do before it enters a guest. */
export const enum Resched {
  NOTHING = 0,
  /** Choose which vCPU runs. */
  CHOOSE = 1,
  /** Somebody waits for it now: the running vCPU's WFI traps from now on. */
  TRAPS = 2,
}

/** The SGI of the board that carries requests. */
export const IPI: u32 = 0;

@unmanaged
export class Cpu {
  number: u32;
  /** Atomic: bits of Request. */
  requests: u32;
  /** Atomic. Another CPU, which holds the lock of the VM of the vCPU that is loaded here, waits until its list registers are folded. */
  foldWanted: u32;
  /** Atomic. 1 from the moment it takes part. */
  online: u32;
  mpidr: u64;

  /** The vCPU whose registers this CPU holds; null: none. The CPU's own. */
  loaded: Vcpu;
  /** The one that runs; null: none. Guarded by the scheduler's lock. */
  current: Vcpu;
  /** The vCPU of which this CPU does its VM's work, instead of having it loaded; null: none. */
  worker: Vcpu;
  /** What is to be done before a guest is entered. The CPU's own. */
  resched: Resched;
  /** WFI of the guest traps. The CPU's own. */
  trapsWfi: u32;
  /** The vCPU that runs has a cap, which the time that it sleeps does not count towards. */
  capped: u32;

  // --- guarded by the scheduler's lock
  /** Others wait for this CPU: it has set its traps and its slice accordingly. */
  watching: u32;
  /** How many deadlines its heap holds (src/sched/deadlines.ts). */
  deadlines: u32;
  /** The count at which the slice of the running vCPU ends, and for which EL2's timer is set. */
  sliceEnd: u64;
  armed: u64;
  /** When this CPU is to go on with what console devices have left; NEVER: not at all. Whether that time has come. */
  later: u64;
  isLater: u32;
  padding: u32;
  /** Pads the record to a power of two: it is found by a shift. */
  padding0: u64;
  padding1: u64;
  padding2: u64;
  padding3: u64;
  padding4: u64;
}

const all: usize = memory.data(1024, 128);

/** The record of a CPU, by number. */
export function at(number: u32): Cpu {
  return changetype<Cpu>(all + number * offsetof<Cpu>());
}

/** The record of this CPU. */
export function self(): Cpu {
  return at(cpu.number());
}

/** Names the CPU with this number. */
export function describe(number: u32, mpidr: u64): void {
  at(number).number = number;
  at(number).mpidr = mpidr;
}

export function isOnline(number: u32): bool {
  return atomic.load32(changetype<usize>(at(number)) + offsetof<Cpu>("online")) != 0;
}

/** How many take part. */
export function count(): u32 {
  let count: u32 = 0;
  for (let bits = online(); bits != 0; bits &= bits - 1) count++;
  return count;
}

/** Those that take part, one bit each. */
export function online(): u32 {
  let online: u32 = 0;
  for (let n: u32 = 0; n < MAX_CPUS; n++) {
    if (isOnline(n)) online |= (1 as u32) << n;
  }
  return online;
}

/** This CPU takes part from now on. */
export function enter(): void {
  atomic.store32(changetype<usize>(self()) + offsetof<Cpu>("online"), 1);
}

/** Asks a CPU, which may be this one: it is interrupted as soon as it runs a guest or waits. False: somebody has asked that, and it has not looked yet. */
export function request(other: Cpu, what: Request): bool {
  const at = changetype<usize>(other) + offsetof<Cpu>("requests");
  if ((atomic.or32(at, what) & what) == what) return false;
  gicv3.sendSgi(other.mpidr, IPI);
  return true;
}

/** Has this CPU look once more, at what it has been asked before as well. */
export function requestAgain(what: Request): void {
  atomic.or32(changetype<usize>(self()) + offsetof<Cpu>("requests"), what);
  gicv3.sendSgi(self().mpidr, IPI);
}

/** What has been asked of this CPU since it last looked. */
export function requests(): u32 {
  return atomic.swap32(changetype<usize>(self()) + offsetof<Cpu>("requests"), 0);
}

/** Interrupts every other CPU: they stop when they see that this one has crashed. */
export function stopOthers(): void {
  for (let n: u32 = 0; n < MAX_CPUS; n++) {
    if (n != cpu.number() && isOnline(n)) gicv3.sendSgi(at(n).mpidr, IPI);
  }
}
