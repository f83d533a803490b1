// What must be true of a CPU when it enters a guest: the rules of metal/vectors.S and of the architecture, and that what it holds is that vCPU's own.

import { guest as guestMachine } from "../abi/guest.ts";
import { hcr } from "../abi/sysregs.ts";
import type { Cpu } from "./cpu.ts";
import type { Door } from "./door.ts";
import { Violation } from "./faults.ts";
import type { Order } from "./order.ts";
import type { Ram } from "./ram.ts";
import type { Run } from "./run.ts";
import type { Isolation } from "./sanitizers/isolation.ts";
import type { Identity } from "./state/lives.ts";
import type { Leaf } from "./walker.ts";
import { hex } from "./words.ts";

/** SCTLR_EL1.C: data caches are on. */
const SCTLR_C = 1n << 2n;
const WANTED = hcr.HCR_VM | hcr.HCR_IMO | hcr.HCR_FMO | hcr.HCR_AMO | hcr.HCR_RW | hcr.HCR_TSC;

const named = ({ vmid, mpidr }: Identity): string => `VMID ${vmid}, VMPIDR_EL2 ${hex(mpidr)}`;

interface Board {
  readonly cpus: readonly Cpu[];
  readonly order: Order;
  readonly door: Door;
  readonly ram: Ram;
  readonly run: Run;
  readonly isolation: Isolation;
}

export class EntryRules {
  readonly #board: Board;
  /** Who each record is. */
  readonly #identities = new Map<number, Identity>();
  /** What each VMID reaches, by the tables as they were at a change. */
  readonly #leaves = new Map<number, { readonly root: number; readonly changes: number; readonly leaves: readonly Leaf[] }>();
  /** Of each CPU, the vCPU whose memory was found clean, and how often anything was soiled, or any table changed, by then. */
  readonly #clean: { vcpu: number; soils: number; changes: number }[];
  /** Of each CPU, the vCPU whose identity was found right, and `entryChanges` then. */
  readonly #known: { vcpu: number; changes: number }[];

  constructor(board: Board) {
    this.#board = board;
    this.#clean = board.cpus.map(() => ({ vcpu: 0, soils: 0, changes: 0 }));
    this.#known = board.cpus.map(() => ({ vcpu: 0, changes: 0 }));
  }

  /** `cpu` enters the vCPU that it has just been given. */
  check(cpu: Cpu): void {
    const { order, door, ram, isolation } = this.#board;
    const guest = cpu.guest;
    if (guest === undefined) return;
    if (!guest.isInGuestMode) throw new Violation(`a guest is entered with SPSR ${hex(guest.pstate)}`);
    if (!door.isLocked) throw new Violation("a guest is entered while stage 1 of EL2 is writable");
    if (cpu.interface.isBusy)
      throw new Violation("a guest is entered while the priority of an interrupt still runs: no other could come");
    this.#checkControls(cpu);
    cpu.context.enter(cpu.vcpu, cpu.isFpOpen);
    order.enterGuest(cpu.stage2.root);
    order.tlb.enter(cpu.index, cpu.stage2, cpu.vcpu);
    isolation.enter(cpu.stage2);
    if (ram.isDirty && (cpu.sctlr.value & SCTLR_C) === 0n) this.#checkCleaned(cpu);
  }

  /** What says whom the CPU runs, and under which controls, if any of it has changed since that was found right. */
  #checkControls(cpu: Cpu): void {
    const known = this.#known[cpu.index]!;
    const changes = this.#board.order.entryChanges;
    if (known.vcpu === cpu.vcpu && known.changes === changes) return;
    const controls = cpu.hcr.value;
    if ((controls & WANTED) !== WANTED) throw new Violation(`a guest is entered with HCR_EL2 ${hex(controls)}`);
    this.#checkIdentity(cpu);
    known.vcpu = cpu.vcpu;
    known.changes = changes;
  }

  /** A vCPU is on one CPU alone; its VMID and VMPIDR_EL2 are always the same, and no other's; the vCPUs of a VM count alike. */
  #checkIdentity(cpu: Cpu): void {
    const { vcpu, stage2 } = cpu;
    const mpidr = cpu.vmpidr.value;
    const known = this.#identities.get(vcpu);
    if (known?.vmid !== stage2.vmid || known.mpidr !== mpidr) {
      const now = { vmid: stage2.vmid, mpidr };
      if (known !== undefined) throw new Violation(`the vCPU at ${hex(vcpu)}, ${named(known)}, is entered as ${named(now)}`);
      for (const [other, one] of this.#identities)
        if (one.vmid === now.vmid && one.mpidr === mpidr)
          throw new Violation(`the vCPUs at ${hex(other)} and ${hex(vcpu)} are both ${named(now)}`);
      this.#identities.set(vcpu, now);
    }
    for (const other of this.#board.cpus) {
      // What a CPU holds is what its registers say, whether it runs that, waits, or waits for another in the middle of an exit; in the second mode, it may
      // be writing them.
      if (other === cpu || other.stage2.vmid !== stage2.vmid || (other.isInside && this.#board.run.mode !== undefined)) continue;
      if (other.vmpidr.value === mpidr)
        throw new Violation(`the vCPU at ${hex(vcpu)} is on CPUs ${other.index} and ${cpu.index} at once`);
      if (other.timer.offset !== cpu.timer.offset)
        throw new Violation(`CPUs ${other.index} and ${cpu.index} count differently for VMID ${stage2.vmid}`);
    }
  }

  /** A guest whose caches are off reads memory past the caches, where EL2 may still hold what it wrote (Linux: arm64/booting.rst). */
  #checkCleaned(cpu: Cpu): void {
    const { ram, order } = this.#board;
    const known = this.#clean[cpu.index]!;
    if (known.vcpu === cpu.vcpu && known.soils === ram.soils && known.changes === order.tableChanges) return;
    for (const { input, output, size } of this.#leavesOf(cpu)) {
      // Stolen time is for who maps it as write-back memory (DEN0057, 4.1.1).
      if (input === guestMachine.STOLEN_BASE) continue;
      const dirty = this.#board.ram.dirtyIn(output, size);
      if (dirty !== undefined) throw new Violation(`a guest starts with its caches off, and ${hex(dirty)} was not cleaned`);
    }
    this.#clean[cpu.index] = { vcpu: cpu.vcpu, soils: ram.soils, changes: order.tableChanges };
  }

  /** Everything that the guest of a CPU can reach. */
  #leavesOf(cpu: Cpu): readonly Leaf[] {
    const { vmid, root } = cpu.stage2;
    const { tableChanges } = this.#board.order;
    const known = this.#leaves.get(vmid);
    if (known?.root === root && known.changes === tableChanges) return known.leaves;
    const leaves = cpu.guest?.leaves ?? [];
    this.#leaves.set(vmid, { root, changes: tableChanges, leaves });
    return leaves;
  }
}
