// What the list registers of a CPU hold: a bit for each interrupt in the words of its vCPU. They are read when EL2 has written one, or the guest has changed one.

import { Violation } from "../faults.ts";
import type { VirtualInterface } from "../virtual-interrupts.ts";
import { lowest } from "../words.ts";
import { type VcpuGic, WORDS } from "./interrupts.ts";

export class Offer {
  readonly #virtual: VirtualInterface;
  readonly pending = new Int32Array(WORDS);
  readonly active = new Int32Array(WORDS);
  readonly group1 = new Int32Array(WORDS);
  /** The priority of the least urgent that is pending. */
  least = -1;
  /** Some list register is not what it was. */
  isStale = true;
  /** VmGic.priorityWrites when priorities were compared. */
  priorityWrites = 0;
  /** The CPU has been in the core since it was looked at, or its list registers have changed. */
  isDue = true;
  /** Whose it was then, and VmGic.changes then. */
  gic: VcpuGic | undefined;
  changes = 0;

  constructor(virtual: VirtualInterface) {
    this.#virtual = virtual;
  }

  read(): void {
    const virtual = this.#virtual;
    this.isStale = false;
    this.pending.fill(0);
    this.active.fill(0);
    this.group1.fill(0);
    this.least = -1;
    for (let rest = virtual.used; rest !== 0; rest &= rest - 1) {
      const n = lowest(rest);
      const intid = virtual.idOf(n);
      const word = intid >> 5;
      if (word >= WORDS) throw new Violation(`a list register holds INTID ${intid}, which does not exist`);
      const bit = 1 << (intid & 31);
      if (virtual.groupOf(n) === 1) this.group1[word]! |= bit;
      if (virtual.isActive(n)) this.active[word]! |= bit;
      if (!virtual.isPending(n)) continue;
      this.pending[word]! |= bit;
      this.least = Math.max(this.least, virtual.priorityOf(n));
    }
  }
}
