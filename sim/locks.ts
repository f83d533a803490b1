// Who holds which of the core's locks (src/lib/lock.ts), from the atomic accesses that draw, look for and serve tickets: they are taken in their order
// (abi/locks.ts), released by the CPU that took them, and not held by a CPU that waits for something else, runs a guest or has nothing to do.

import { lockPlaces } from "../abi/locks.ts";
import { Violation } from "./faults.ts";
import { hex } from "./words.ts";

/** Offsets in a lock's record. */
const [SERVING, PLACE] = [4, 8];

const names = new Map(Object.entries(lockPlaces).map(([name, place]) => [place, name]));

/** With these, a CPU may wait for something else than a lock. */
const MAY_WAIT = new Set([lockPlaces.LOCK_VM, lockPlaces.LOCK_CONSOLE]);

interface Ticket {
  /** The lock's record. */
  readonly lock: number;
  readonly place: number;
  readonly number: number;
  /** The CPU has seen that its turn has come: it holds the lock. */
  isServed: boolean;
}

const nameOf = ({ lock, place }: Ticket): string => `${names.get(place)} at ${hex(lock)}`;

export class Locks {
  readonly #memory: () => DataView;
  readonly #known = new Set<number>();
  /** What each CPU holds or waits for, in the order in which it has asked. */
  readonly #tickets: readonly Ticket[][];

  constructor(cpus: number, memory: () => DataView) {
    this.#memory = memory;
    this.#tickets = Array.from({ length: cpus }, () => []);
  }

  /** A CPU adds 1 to the word at `lock`, which was `number`. */
  draw(cpu: number, lock: number, number: number): void {
    const place = this.#memory().getUint32(lock + PLACE, true);
    if (!names.has(place))
      throw new Violation(`a ticket is drawn at ${hex(lock)}, which is no lock: it does not say its place (abi/locks.ts)`);
    const ticket = { lock, place, number, isServed: false };
    const tickets = this.#tickets[cpu]!;
    for (const held of tickets) {
      if (held.place >= place)
        throw new Violation(`CPU ${cpu} takes ${nameOf(ticket)} while it holds ${nameOf(held)}: that is out of order`);
    }
    tickets.push(ticket);
    if (!this.#known.has(lock)) this.#known.add(lock);
  }

  /** A CPU reads `value` from the word at `at`. */
  look(cpu: number, at: number, value: number): void {
    for (const ticket of this.#tickets[cpu]!) if (ticket.lock === at - SERVING && ticket.number === value) ticket.isServed = true;
  }

  /** A CPU writes `value` to the word at `at`. */
  write(cpu: number, at: number, value: number): void {
    if (this.#known.has(at)) throw new Violation(`CPU ${cpu} writes the tickets of the lock at ${hex(at)}`);
    const lock = at - SERVING;
    if (!this.#known.has(lock)) return;
    const tickets = this.#tickets[cpu]!;
    // The one that it has taken last, nearly always.
    let found = tickets.length - 1;
    while (found >= 0 && tickets[found]!.lock !== lock) found--;
    const ticket = tickets[found];
    if (ticket === undefined) throw new Violation(`CPU ${cpu} releases the lock at ${hex(lock)}, ${this.#holder(lock)}`);
    if (!ticket.isServed) throw new Violation(`CPU ${cpu} releases ${nameOf(ticket)} before its turn has come`);
    if (value !== (ticket.number + 1) >>> 0)
      throw new Violation(`CPU ${cpu} releases ${nameOf(ticket)} for ticket ${value}, not the next`);
    if (found === tickets.length - 1) tickets.pop();
    else tickets.splice(found, 1);
  }

  #holder(lock: number): string {
    const cpu = this.#tickets.findIndex((tickets) => tickets.some((ticket) => ticket.lock === lock && ticket.isServed));
    return cpu < 0 ? "which nobody holds" : `which CPU ${cpu} holds`;
  }

  /** A CPU waits (cpu.relax): for its turn; with a VM's lock, for list registers of another CPU; with the console's, for the line. */
  relax(cpu: number): void {
    const tickets = this.#tickets[cpu]!;
    if (tickets.some(({ isServed }) => !isServed)) return;
    const held = tickets.find(({ place }) => !MAY_WAIT.has(place));
    if (held !== undefined) throw new Violation(`CPU ${cpu} waits while it holds ${nameOf(held)}`);
  }

  /** The core's memory was put back to where nobody holds a lock. */
  forget(): void {
    for (const tickets of this.#tickets) tickets.length = 0;
  }

  /** A CPU enters a guest, or has nothing to run. */
  leave(cpu: number): void {
    const [held] = this.#tickets[cpu]!;
    if (held === undefined) return;
    throw new Violation(`CPU ${cpu} leaves the core while it ${held.isServed ? "holds" : "waits for"} ${nameOf(held)}`);
  }
}
