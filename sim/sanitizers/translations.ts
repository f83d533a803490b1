// What the TLB of each CPU holds of stage 2 (Arm ARM D8.14): the leaves that guests' accesses went through, tagged with VMIDs. A leaf stays until a TLB
// invalidation of its VMID is complete, by the DSB of the CPU that made it. A guest that goes through a leaf which the tables no longer have is in order
// only while that change is on its way.

import { Violation } from "../faults.ts";
import type { Fault, Leaf } from "../walker.ts";
import { hex } from "../words.ts";

interface Held {
  readonly leaf: Leaf;
  /** When it came in. */
  readonly since: number;
  /** `tableChanges` when the tables were last seen to say the same. */
  seen: number;
}

/** What the tables are, as far as it matters here. */
interface Tables {
  /** How often an entry has changed. */
  readonly tableChanges: number;
  /** Goes on with every invalidation. */
  readonly clock: number;
  /** Whether entries below a root were made invalid, and that is not complete. */
  isChanging(root: number): boolean;
}

/** Who accesses memory. */
export interface Walker {
  /** Walks the tables as they are. */
  translate(ipa: number): Leaf | Fault;
  /** Called with what the guest goes through, whenever the tables have changed since that was last looked at. */
  requireOwn(leaf: Leaf): void;
}

const LEVEL_SIZES = [2 ** 12, 2 ** 21, 2 ** 30];

const isSame = (held: Leaf, now: Leaf | Fault): boolean =>
  !("fault" in now) &&
  now.output + (held.input - now.input) === held.output &&
  now.read === held.read &&
  now.write === held.write &&
  now.execute === held.execute;

const told = (found: Leaf | Fault, ipa: number): string =>
  "fault" in found ? `a ${found.fault} fault` : `to ${hex(found.output + (ipa - found.input))}`;

export class Translations {
  readonly #tables: Tables;
  /** By CPU and VMID; a leaf by its first input address and size. */
  readonly #held: Map<number, Map<number, Held>>[] = [];

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  #of(cpu: number, vmid: number): Map<number, Held> {
    this.#held[cpu] ??= new Map<number, Map<number, Held>>();
    let found = this.#held[cpu].get(vmid);
    if (found === undefined) {
      found = new Map();
      this.#held[cpu].set(vmid, found);
    }
    return found;
  }

  /** Where a guest's access goes. */
  find(cpu: number, { vmid, root }: { readonly vmid: number; readonly root: number }, ipa: number, walker: Walker): Leaf | Fault {
    const held = this.#of(cpu, vmid);
    const { tableChanges: changes } = this.#tables;
    // Most addresses of devices are in no leaf at all.
    for (let level = 0; held.size > 0 && level < LEVEL_SIZES.length; level++) {
      const size = LEVEL_SIZES[level]!;
      const one = held.get(ipa - (ipa % size) + size / 4096 - 1);
      if (one === undefined) continue;
      if (one.seen === changes) return one.leaf;
      const now = walker.translate(ipa);
      if (isSame(one.leaf, now)) {
        walker.requireOwn(one.leaf);
        one.seen = changes;
      } else if (!this.#tables.isChanging(root)) {
        throw new Violation(
          `a stale translation: on CPU ${cpu} VMID ${vmid} still goes from ${hex(ipa)} ${told(one.leaf, ipa)}, the tables say ${told(now, ipa)}`,
        );
      }
      return one.leaf;
    }
    const found = walker.translate(ipa);
    if ("fault" in found) return found;
    walker.requireOwn(found);
    held.set(found.input + found.size / 4096 - 1, { leaf: found, since: this.#tables.clock, seen: changes });
    return found;
  }

  /** An invalidation of a VMID, or of all, is complete: what came in before its time, and at it, is gone. */
  drop(vmid: number | undefined, clock: number): void {
    for (const vmids of this.#held) {
      for (const [one, held] of vmids ?? []) {
        if (vmid !== undefined && one !== vmid) continue;
        for (const [key, { since }] of held) if (since <= clock) held.delete(key);
      }
    }
  }
}
