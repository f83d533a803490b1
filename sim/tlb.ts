// What TLBs may hold of guests' translations, tagged with VMIDs (Arm ARM D8.14): a VMID that was used with one set of tables must be invalidated before
// it is used with another one, and before its first table, given back meanwhile, is used again. Two vCPUs of a VM share its VMID, but not their
// stage 1: a CPU that goes from one to the other invalidates that.

import { Violation } from "./faults.ts";
import { hex } from "./words.ts";

/** What VTTBR_EL2 names. */
interface Stage2 {
  readonly vmid: number;
  /** The first table. */
  readonly root: number;
}

/** What a CPU runs. */
class Use {
  stage2: Stage2 = { vmid: 0, root: 0 };
  /** The vCPU's record. */
  vcpu = 0;
  isRunning = false;
  /** `changes` when it was found right and held last; -1: never. */
  seen = -1;
}

interface Root {
  /** The first table; undefined: it is a table no more. */
  root: number | undefined;
  /** `clock` when a CPU was last there with it. */
  last: number;
}

export class Tlb {
  /** What each VMID was last used with. */
  readonly #roots = new Map<number, Root>();
  /** Goes on with every invalidation: what comes in behind one stays. */
  #clock = 0;
  /** Of each CPU, the vCPU that it was last in, by VMID. */
  readonly #vcpus = new Map<number, Map<number, number>>();
  /** What each CPU runs, or ran last. The walks of those that are in a guest go on. */
  readonly #uses: Use[] = [];
  /** Goes on whenever anything here has changed. */
  #changes = 0;

  #use(cpu: number): Use {
    let found = this.#uses[cpu];
    if (found === undefined) {
      found = new Use();
      this.#uses[cpu] = found;
    }
    return found;
  }

  /** A guest is entered on a CPU. */
  enter(cpu: number, stage2: Stage2, vcpu: number): void {
    const use = this.#use(cpu);
    use.isRunning = true;
    if (use.vcpu === vcpu && use.stage2 === stage2 && use.seen === this.#changes) return;
    const { vmid, root } = stage2;
    const held = this.#roots.get(vmid);
    if (held !== undefined && held.root !== root)
      throw new Violation(`VMID ${vmid} is used with the tables at ${hex(root)}, and was not invalidated since it had others`);
    const last = this.#vcpusOf(cpu).get(vmid) ?? vcpu;
    if (last !== vcpu)
      throw new Violation(
        `CPU ${cpu} goes from the vCPU at ${hex(last)} to ${hex(vcpu)} of the same VMID, and keeps its stage 1`,
      );
    use.stage2 = stage2;
    use.vcpu = vcpu;
    this.#hold(cpu, use);
    use.seen = this.#changes;
  }
  leave(cpu: number): void {
    this.#use(cpu).isRunning = false;
  }

  #vcpusOf(cpu: number): Map<number, number> {
    const found = this.#vcpus.get(cpu) ?? new Map<number, number>();
    this.#vcpus.set(cpu, found);
    return found;
  }
  #hold(cpu: number, { stage2: { vmid, root }, vcpu }: Use): void {
    const held = this.#roots.get(vmid);
    const vcpus = this.#vcpusOf(cpu);
    if (held?.root === root && held.last === this.#clock && vcpus.get(vmid) === vcpu) return;
    this.#changes++;
    this.#roots.set(vmid, { root, last: this.#clock });
    vcpus.set(vmid, vcpu);
  }

  get clock(): number {
    return this.#clock;
  }
  /** An invalidation begins: returns its time. */
  tick(): number {
    this.#changes++;
    return this.#clock++;
  }

  rootOf(vmid: number): number | undefined {
    return this.#roots.get(vmid)?.root;
  }

  /** Whether something of the tables that begin at `root` may be in a TLB. */
  mayHold(root: number): boolean {
    for (const held of this.#roots.values()) if (held.root === root) return true;
    return false;
  }

  /**
   * Invalidates a VMID, or all, on every CPU: what came in before `clock` was what it is now, and went on. What a guest runs on now comes back at once.
   */
  invalidate(vmid?: number, clock = this.tick()): void {
    this.#changes++;
    for (const [one, { last }] of this.#roots) {
      if ((vmid !== undefined && one !== vmid) || last > clock) continue;
      this.#roots.delete(one);
      for (const vcpus of this.#vcpus.values()) vcpus.delete(one);
    }
    for (const [cpu, use] of this.#uses.entries()) if (use?.isRunning) this.#hold(cpu, use);
  }
  /** Invalidates stage 1 of a VMID on one CPU. */
  invalidateStage1(cpu: number, vmid: number): void {
    this.#changes++;
    this.#vcpusOf(cpu).delete(vmid);
  }

  /** The page at `root` is a table no more. */
  release(root: number): void {
    this.#changes++;
    for (const held of this.#roots.values()) if (held.root === root) held.root = undefined;
  }
}
