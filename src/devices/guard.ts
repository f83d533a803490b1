// A VM's lock, which guards its virtual devices. Whoever waits for one lets other CPUs see meanwhile what the list registers of this CPU hold: one of them
// may hold the lock and wait for that (see vgic-lists.ts).

import * as cpu from "../hal/cpu";
import * as locks from "../lib/lock";
import { Lock } from "../lib/lock";
import { Vm } from "../vm/records";
import * as lists from "./vgic-lists";

export function enter(vm: Vm): void {
  const lock = changetype<Lock>(vm);
  const ticket = locks.draw(lock);
  if (!locks.isServed(lock, ticket)) wait(lock, ticket);
}

function wait(lock: Lock, ticket: u32): void {
  while (!locks.isServed(lock, ticket)) {
    cpu.relax();
    lists.serveFold();
  }
}

export function leave(vm: Vm): void {
  locks.release(changetype<Lock>(vm));
}
