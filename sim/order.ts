// What no emulator shows: whether changes of translation tables are followed by the barriers and invalidations that the architecture asks for
// (Arm ARM D8.14.1 TLB maintenance, D8.16.1 break-before-make, B2.7.3 barriers). One CPU; the state of each changed entry moves forward:
//
//   written ── dsb ──▶ visible                       an entry that was invalid: nothing of it is in a TLB
//   cleared ── dsb ──▶ published ── tlbi ──▶ invalidated ── dsb ──▶ visible      an entry that was valid

import { Violation } from "./faults.ts";
import { bit, hex } from "./words.ts";

type State = "written" | "cleared" | "published" | "invalidated";

export class Order {
  /** Stage-2 entries on their way, by physical address. */
  readonly #stage2 = new Map<number, State>();
  /** Stage-1 entries of EL2 that were written: not yet seen by a dsb, or by the isb behind it. */
  #stage1: "visible" | "written" | "published" = "visible";
  /** CPTR_EL2 was written, no context synchronization yet. */
  #trapsPending = false;

  /** A stage-2 entry at `address` changes. */
  writeStage2(address: number, old: bigint, fresh: bigint): void {
    if (old === fresh) return;
    const state = this.#stage2.get(address);
    if (bit(fresh, 0)) {
      if (bit(old, 0)) throw new Violation(`break-before-make: the valid entry at ${hex(address)} becomes another valid one`);
      if (state !== undefined && state !== "written") {
        throw new Violation(`break-before-make: the entry at ${hex(address)} was cleared, but its removal is only ${state}`);
      }
    }
    if (bit(old, 0)) this.#stage2.set(address, "cleared");
    else if (bit(fresh, 0)) this.#stage2.set(address, "written");
  }

  writeStage1(old: bigint, fresh: bigint): void {
    if (old === fresh) return;
    if (bit(old, 0)) throw new Violation("a valid stage-1 entry of EL2 is changed");
    this.#stage1 = "written";
  }

  writeTraps(): void {
    this.#trapsPending = true;
  }

  #advance(from: State, to: State | undefined): void {
    for (const [address, state] of this.#stage2) {
      if (state !== from) continue;
      if (to === undefined) this.#stage2.delete(address);
      else this.#stage2.set(address, to);
    }
  }

  /** `stores`: DSB ISHST, which orders stores alone and does not wait for TLB maintenance. */
  dsb(stores: boolean): void {
    if (!stores) this.#advance("invalidated", undefined);
    this.#advance("written", undefined);
    this.#advance("cleared", "published");
    if (this.#stage1 === "written") this.#stage1 = "published";
  }

  isb(): void {
    if (this.#stage1 === "published") this.#stage1 = "visible";
    this.#trapsPending = false;
  }

  /** A TLB invalidation that covers stage 2 of the running VM. */
  invalidate(): void {
    this.#advance("published", "invalidated");
  }

  /** EL2 goes through its own tables. */
  requireStage1(): void {
    if (this.#stage1 !== "visible")
      throw new Violation(`EL2 uses a translation that was only ${this.#stage1}: dsb and isb are missing`);
  }

  /** EL2 uses vector registers, which CPTR_EL2 must have opened before. */
  requireTraps(): void {
    if (this.#trapsPending) throw new Violation("EL2 uses vector registers before the isb behind its write of CPTR_EL2");
  }

  /** A guest is entered; the exception return synchronizes context, but is no dsb. */
  enterGuest(): void {
    for (const [address, state] of this.#stage2)
      throw new Violation(`a guest is entered while the entry at ${hex(address)} is only ${state}`);
    this.#trapsPending = false;
  }
}
