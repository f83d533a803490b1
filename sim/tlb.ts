// What TLBs may hold of guests' translations, tagged with VMIDs (Arm ARM D8.14): a VMID that was used with one set of tables must be invalidated before
// it is used with another one, and before its first table, given back meanwhile, is used again. Two vCPUs of a VM share its VMID, but not their
// stage 1: a CPU that goes from one to the other invalidates that.

import { Violation } from "./faults.ts";
import { hex } from "./words.ts";

interface Use {
  readonly vmid: number;
  /** The first table of stage 2. */
  readonly root: number;
  /** The vCPU's record. */
  readonly vcpu: number;
}

export class Tlb {
  /** The first table that each VMID was last used with; undefined: one that is a table no more. */
  readonly #roots = new Map<number, number | undefined>();
  /** Of each CPU, the vCPU that it was last in, by VMID. */
  readonly #vcpus = new Map<number, Map<number, number>>();
  /** CPUs that are in a guest, whose walks go on. */
  readonly #running = new Map<number, Use>();

  /** A guest is entered on a CPU. */
  enter(cpu: number, use: Use): void {
    const { vmid, root, vcpu } = use;
    if (this.#roots.has(vmid) && this.#roots.get(vmid) !== root)
      throw new Violation(`VMID ${vmid} is used with the tables at ${hex(root)}, and was not invalidated since it had others`);
    const last = this.#vcpusOf(cpu).get(vmid) ?? vcpu;
    if (last !== vcpu)
      throw new Violation(
        `CPU ${cpu} goes from the vCPU at ${hex(last)} to ${hex(vcpu)} of the same VMID, and keeps its stage 1`,
      );
    this.#hold(cpu, use);
    this.#running.set(cpu, use);
  }
  leave(cpu: number): void {
    this.#running.delete(cpu);
  }

  #vcpusOf(cpu: number): Map<number, number> {
    const found = this.#vcpus.get(cpu) ?? new Map<number, number>();
    this.#vcpus.set(cpu, found);
    return found;
  }
  #hold(cpu: number, { vmid, root, vcpu }: Use): void {
    this.#roots.set(vmid, root);
    this.#vcpusOf(cpu).set(vmid, vcpu);
  }

  rootOf(vmid: number): number | undefined {
    return this.#roots.get(vmid);
  }

  /** Whether something of the tables that begin at `root` may be in a TLB. */
  mayHold(root: number): boolean {
    return [...this.#roots.values()].includes(root);
  }

  /** Invalidates a VMID, or all, on every CPU. What a guest runs on now comes back at once. */
  invalidate(vmid?: number): void {
    if (vmid === undefined) this.#roots.clear();
    else this.#roots.delete(vmid);
    for (const vcpus of this.#vcpus.values()) {
      if (vmid === undefined) vcpus.clear();
      else vcpus.delete(vmid);
    }
    for (const [cpu, use] of this.#running) this.#hold(cpu, use);
  }
  /** Invalidates stage 1 of a VMID on one CPU. */
  invalidateStage1(cpu: number, vmid: number): void {
    this.#vcpusOf(cpu).delete(vmid);
  }

  /** The page at `root` is a table no more. */
  release(root: number): void {
    for (const [vmid, held] of this.#roots) if (held === root) this.#roots.set(vmid, undefined);
  }
}
