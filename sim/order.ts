// What no emulator shows: whether changes of translation tables are followed by the barriers and invalidations that the architecture asks for
// (Arm ARM D8.14.1 TLB maintenance, D8.16.1 break-before-make, B2.7.3 barriers). The state of each changed entry moves forward:
//
//   written ── dsb ──▶ visible                       an entry of which nothing is in a TLB
//   cleared ── dsb ──▶ published ── tlbi ──▶ invalidated ── dsb ──▶ visible      an entry that was valid
//
// The barriers of the CPU that made a change count, and once its exit is over those of any: a lock has handed it over.

import { Violation } from "./faults.ts";
import { Translations } from "./sanitizers/translations.ts";
import { Tlb } from "./tlb.ts";
import { bit, hex } from "./words.ts";

type State = "written" | "cleared" | "published" | "invalidated";

interface Change {
  state: State;
  /** The CPU in whose exit it was made; undefined once that is over. */
  cpu: number | undefined;
  /** The first table of the stage 2 that the entry belongs to; undefined for one that is not linked. */
  readonly root: number | undefined;
}

export class Order {
  /** The CPU that acts. */
  cpu = 0;
  /** How often a CPU has changed what says whom it runs, and under which controls. */
  entryChanges = 0;
  /** How often an entry of a stage-2 table has changed. */
  tableChanges = 0;
  readonly tlb = new Tlb();
  get clock(): number {
    return this.tlb.clock;
  }
  /** What guests' accesses have left in TLBs. */
  readonly translations = new Translations(this);
  /** Stage-2 entries on their way, by physical address. */
  readonly #stage2 = new Map<number, Change>();
  /** Stage-1 entries of EL2 that were written: not yet seen by a dsb, or by the isb behind it. */
  #stage1: "visible" | "written" | "published" = "visible";
  /** CPUs whose CPTR_EL2 was written, with no context synchronization yet. */
  readonly #trapsPending = new Set<number>();
  /** CPUs that have loaded a vCPU's virtual timer, with no context synchronization yet. */
  readonly #timersPending = new Set<number>();
  /** CPUs that have stored for others, with no dsb yet: a bit each. */
  #unseen = 0;
  /** CPUs that have sent an SGI, with no context synchronization yet: a bit each. */
  #sending = 0;
  /** CPUs that have maintained caches, with no dsb yet that waits for it: a bit each. */
  #maintaining = 0;
  /** CPUs that have invalidated, themselves alone or all, with no dsb yet that waits for it. */
  readonly #invalidating = new Map<number, "own" | "all">();
  /** Invalidations of VMIDs, or of all, on every CPU, with no dsb yet that waits for them, by the CPU that made them. */
  readonly #underWay = new Map<number, { readonly vmid: number | undefined; readonly clock: number }[]>();

  /** A stage-2 entry at `address` changes, in a table below `root`. */
  writeStage2(address: number, old: bigint, fresh: bigint, root?: number): void {
    if (old === fresh) return;
    this.tableChanges++;
    const state = this.#stage2.get(address)?.state;
    if (bit(fresh, 0)) {
      if (bit(old, 0)) throw new Violation(`break-before-make: the valid entry at ${hex(address)} becomes another valid one`);
      if (state !== undefined && state !== "written") {
        throw new Violation(`break-before-make: the entry at ${hex(address)} was cleared, but its removal is only ${state}`);
      }
    }
    const cached = bit(old, 0) && (root === undefined || this.tlb.mayHold(root));
    this.#stage2.set(address, { state: cached ? "cleared" : "written", cpu: this.cpu, root });
  }

  /** Whether the stage-2 entry at `address` was valid, and its removal from TLBs is not complete. */
  isLeaving(address: number): boolean {
    const state = this.#stage2.get(address)?.state;
    return state !== undefined && state !== "written";
  }
  /** Whether there is such an entry below `root`. */
  isChanging(root: number): boolean {
    for (const change of this.#stage2.values()) if (change.root === root && change.state !== "written") return true;
    return false;
  }

  writeStage1(old: bigint, fresh: bigint): void {
    if (old === fresh) return;
    if (bit(old, 0)) throw new Violation("a valid stage-1 entry of EL2 is changed");
    this.#stage1 = "written";
  }

  writeTraps(): void {
    this.#trapsPending.add(this.cpu);
  }

  changeEntry(): void {
    this.entryChanges++;
  }

  #advance(from: State, to: State | undefined, isCovered: (change: Change) => boolean = () => true): void {
    for (const [address, change] of this.#stage2) {
      if (change.state !== from || (change.cpu ?? this.cpu) !== this.cpu || !isCovered(change)) continue;
      if (to === undefined) this.#stage2.delete(address);
      else change.state = to;
    }
  }

  /** `stores`: DSB ISHST, which orders stores alone and does not wait for TLB maintenance. */
  dsb(stores: boolean): void {
    if (!stores) {
      this.#advance("invalidated", undefined);
      this.#invalidating.delete(this.cpu);
      this.#maintaining &= ~(1 << this.cpu);
      this.#complete();
    }
    this.#unseen &= ~(1 << this.cpu);
    this.#advance("written", undefined);
    this.#advance("cleared", "published");
    if (this.#stage1 === "written") this.#stage1 = "published";
  }

  /** DSB NSH: waits for maintenance of this CPU alone. */
  dsbOwn(): void {
    if (this.#invalidating.get(this.cpu) === "own") this.#invalidating.delete(this.cpu);
  }

  isb(): void {
    this.#sending &= ~(1 << this.cpu);
    if (this.#stage1 === "published") this.#stage1 = "visible";
    if (this.#trapsPending.size > 0) this.#trapsPending.delete(this.cpu);
    if (this.#timersPending.size > 0) this.#timersPending.delete(this.cpu);
  }

  /** A TLB invalidation: of the VMID that VTTBR_EL2 names, with the first table that it names, or of all. */
  invalidate(vttbr?: { readonly vmid: number; readonly root: number }): void {
    const roots = vttbr && [vttbr.root, this.tlb.rootOf(vttbr.vmid)];
    this.#advance("published", "invalidated", ({ root }) => root === undefined || roots === undefined || roots.includes(root));
    this.#invalidating.set(this.cpu, "all");
    const all = this.#underWay.get(this.cpu) ?? [];
    all.push({ vmid: vttbr?.vmid, clock: this.tlb.tick() });
    this.#underWay.set(this.cpu, all);
  }
  /** The CPU's invalidations are complete. */
  #complete(): void {
    const all = this.#underWay.get(this.cpu);
    if (all === undefined) return;
    this.#underWay.delete(this.cpu);
    for (const { vmid, clock } of all) {
      this.tlb.invalidate(vmid, clock);
      this.translations.drop(vmid, clock);
    }
  }
  /** An invalidation of a VMID's stage 1 on this CPU. */
  invalidateStage1(vmid: number): void {
    if (!this.#invalidating.has(this.cpu)) this.#invalidating.set(this.cpu, "own");
    this.tlb.invalidateStage1(this.cpu, vmid);
  }

  /** EL2 goes through its own tables. */
  requireStage1(): void {
    if (this.#stage1 !== "visible")
      throw new Violation(`EL2 uses a translation that was only ${this.#stage1}: dsb and isb are missing`);
  }

  /** EL2 uses vector registers, which CPTR_EL2 must have opened before. */
  requireTraps(): void {
    if (this.#trapsPending.has(this.cpu))
      throw new Violation("EL2 uses vector registers before the isb behind its write of CPTR_EL2");
  }

  /** What others read changes. */
  store(): void {
    this.#unseen |= 1 << this.cpu;
  }
  /** An SGI is sent, which must not come before what it is for (IHI 0069, 4.7; Arm ARM B2.7.3). */
  requireStores(): void {
    if ((this.#unseen & (1 << this.cpu)) !== 0)
      throw new Violation("an SGI is sent before the dsb behind what its target is to see");
    this.#requireMaintained("an SGI is sent");
  }
  /** An SGI is sent, by a write of a system register, which may be carried out as late as at the next context synchronization (D24.1.2.2). */
  send(): void {
    this.#sending |= 1 << this.cpu;
  }
  /** The CPU waits for an answer. */
  requireSent(): void {
    if ((this.#sending & (1 << this.cpu)) !== 0)
      throw new Violation("a CPU waits for another one, and has sent it an SGI without the isb behind that");
  }

  /** Cache maintenance: it is not complete before a dsb (B2.7.3). */
  maintainCaches(): void {
    this.#maintaining |= 1 << this.cpu;
  }
  #requireMaintained(what: string): void {
    if ((this.#maintaining & (1 << this.cpu)) !== 0) throw new Violation(`${what} before the dsb behind cache maintenance`);
  }

  loadTimer(): void {
    this.#timersPending.add(this.cpu);
  }
  /** EL2 reads the status of the virtual timer, which follows from its compare value. */
  requireTimer(): void {
    if (this.#timersPending.has(this.cpu))
      throw new Violation("EL2 reads the status of the virtual timer before the isb behind its compare value");
  }

  /** A guest whose tables begin at `root` is entered; the exception return synchronizes context, but is no dsb. */
  enterGuest(root?: number): void {
    if (this.#stage2.size > 0) this.#requireOwnTables(root);
    if (this.#invalidating.size > 0 && this.#invalidating.has(this.cpu))
      throw new Violation("a guest is entered before the dsb behind a TLB invalidation");
    if (this.#trapsPending.size > 0) this.#trapsPending.delete(this.cpu);
  }

  #requireOwnTables(root: number | undefined): void {
    for (const [address, change] of this.#stage2) {
      const isOthers = change.root !== undefined && root !== undefined && change.root !== root;
      // What another CPU is about to link is nobody's yet.
      const isUnfinished = change.root === undefined && (change.cpu ?? this.cpu) !== this.cpu;
      if (!isOthers && !isUnfinished)
        throw new Violation(`a guest is entered while the entry at ${hex(address)} is only ${change.state}`);
    }
  }

  /** The CPU's exit is over. */
  leave(): void {
    this.#sending &= ~(1 << this.cpu);
    if ((this.#maintaining & (1 << this.cpu)) !== 0) throw new Violation("an exit ends before the dsb behind cache maintenance");
    if (this.#invalidating.size > 0 && this.#invalidating.has(this.cpu))
      throw new Violation("an exit ends before the dsb behind a TLB invalidation");
    if (this.#stage2.size > 0) for (const change of this.#stage2.values()) if (change.cpu === this.cpu) change.cpu = undefined;
    if (this.#timersPending.size > 0) this.#timersPending.delete(this.cpu);
  }
}
