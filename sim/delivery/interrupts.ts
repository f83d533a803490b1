// The interrupts of one VM as the architecture has them (Arm IHI 0069, 4.1), as far as it follows from what its guest does. What cannot be known is said to be
// unknown. A field is a bit for each of 32 interrupts, for something is asked of them at nearly every exit.

import { gicIds } from "../../abi/gic.ts";
import { guest } from "../../abi/guest.ts";
import { el2Controls } from "../../abi/sysregs.ts";
import type { Timer } from "../timer.ts";
import { lowest } from "../words.ts";
import { DEVICES, type DeviceLines } from "./lines.ts";

const { FIRST_PPI, FIRST_SPI } = gicIds;
const { INTIDS, VTIMER_INTID, PTIMER_INTID } = guest;
export const MAX_VCPUS = 8;
/** Words of the interrupts that a vCPU sees: its own ones, then SPIs. */
export const WORDS = INTIDS / 32;
const SGIS = 2 ** FIRST_PPI - 1;
export const VTIMER = 1 << VTIMER_INTID;
const PTIMER = 1 << PTIMER_INTID;
/** Those of each word that have a line. */
export const LINES: readonly number[] = [VTIMER | PTIMER, DEVICES, 0];

export class Bank {
  /** The INTID of bit 0. */
  readonly first: number;
  enabled = 0;
  /** 1: group 1. */
  group = 0;
  edge = 0;
  /** Pending by an edge, an SGI or a write; those that may be. */
  latch = 0;
  latchUnknown = 0;
  active = 0;
  activeUnknown = 0;
  /** Of those that may be: they are not any more when EL2 has seen that. */
  ended = 0;
  /** The virtual timer, whose line was high since it was taken last: it falls without an exit, and what EL2 has seen of it stays until it looks again. */
  wasHigh = 0;
  readonly priorities = new Uint8Array(32);
  /** The vCPU that has taken each of those that are active, plus one; 0: none, a write has made it active. */
  readonly takers = new Uint8Array(32);

  constructor(first: number) {
    this.first = first;
    this.reset();
  }

  get isPrivate(): boolean {
    return this.first < FIRST_SPI;
  }
  /** Which word of a vCPU's interrupts it is. */
  get word(): number {
    return this.first >> 5;
  }

  /** As at reset. `keepsLatches`: some may have become pending since, nobody knows which. */
  reset(keepsLatches = false): void {
    this.latchUnknown = keepsLatches ? this.latch | this.latchUnknown : 0;
    this.edge = this.isPrivate ? SGIS : 0;
    this.enabled = this.group = this.latch = this.active = this.activeUnknown = this.ended = this.wasHigh = 0;
    this.priorities.fill(0);
  }

  /** `bits`, of those of `mask`, are edges. While one is, each rise of its line is kept, which is not looked at. */
  configure(mask: number, bits: number): void {
    this.latchUnknown |= ((this.edge & mask) | bits) & LINES[this.word]! & ~this.latch;
    this.edge = (this.edge & ~mask) | bits;
  }
  /** Those that may be pending, whatever their lines are. */
  get mayBePending(): number {
    return this.latch | this.latchUnknown | this.wasHigh | (this.edge & LINES[this.word]!);
  }

  setPending(bits: number): void {
    this.latch |= bits;
    this.latchUnknown &= ~bits;
  }
  clearPending(bits: number): void {
    this.latch &= ~bits;
    this.latchUnknown &= ~bits;
  }

  /** Somebody makes some active; `taker`: the vCPU that has taken them. */
  activate(bits: number, taker?: number): void {
    for (let rest = bits & ~this.active; rest !== 0; rest &= rest - 1)
      this.takers[lowest(rest)] = taker === undefined ? 0 : taker + 1;
    this.deactivate(bits);
    this.active |= bits;
  }
  deactivate(bits: number): void {
    this.active &= ~bits;
    this.activeUnknown &= ~bits;
    this.ended &= ~bits;
  }
  /** These are ended where nobody sees it at once. */
  end(bits: number): void {
    this.forgetActive(bits);
    this.ended |= bits;
  }
  /** Nobody knows any more whether these are active. */
  forgetActive(bits: number): void {
    this.activeUnknown |= bits;
    this.active &= ~bits;
    this.ended &= ~bits;
  }

  /** Those that are active, or may be, and that a vCPU can end. */
  endedBy(vcpu: number): number {
    let all = (this.active | this.activeUnknown) & ~this.ended;
    for (let rest = this.isPrivate ? 0 : all; rest !== 0; rest &= rest - 1) {
      const taker = this.takers[lowest(rest)]!;
      if (taker !== 0 && taker !== vcpu + 1) all &= ~(rest & -rest);
    }
    return all;
  }

  /** Those of some groups, a bit each. */
  inGroups(groups: number): number {
    return ((groups & 1) !== 0 ? ~this.group : 0) | ((groups & 2) !== 0 ? this.group : 0);
  }
  /** Those that are enabled, and whose group is forwarded. */
  open(groups: number): number {
    return this.enabled & this.inGroups(groups);
  }
}

/** What a vCPU sees of its VM's GIC: its SGIs and PPIs, the SPIs, which of them come to it; and its physical timer. */
export class VcpuGic {
  readonly vm: VmGic;
  readonly id: number;
  readonly banks: readonly Bank[];
  /** The interrupts of each bank that go to it. */
  readonly aims = new Int32Array(WORDS);
  timerControl = 0;
  timerCompare = 0n;

  constructor(vm: VmGic, id: number) {
    this.vm = vm;
    this.id = id;
    this.banks = [new Bank(0), ...vm.shared];
    this.reset();
  }

  /** As at reset: SPIs go to the first vCPU. */
  reset(): void {
    this.banks[0]!.reset();
    this.aims.fill(this.id === 0 ? -1 : 0);
    this.aims[0] = -1;
    this.resetTimer();
  }
  resetTimer(): void {
    this.timerControl = 0;
    this.timerCompare = 0n;
  }

  /** Which lines of a word are high, while a CPU has its registers; of those that are configured as edges, none. */
  lines(word: number, timer: Timer): number {
    if (word === 0) return this.#timers(timer);
    return word === 1 ? (this.vm.devices?.high ?? 0) & ~this.vm.shared[0]!.edge : 0;
  }
  #timers(timer: Timer): number {
    const isPhysical = this.timerControl === el2Controls.CNT_CTL_ENABLE && timer.virtualCount >= this.timerCompare;
    return (timer.virtualLine ? VTIMER : 0) | (isPhysical ? PTIMER : 0);
  }
}

export class VmGic {
  /** Once it has been asked for. */
  devices: DeviceLines | undefined;
  /** GICD_CTLR: which groups are forwarded, a bit each. */
  groups = 0;
  /** How often priorities were written, and anything else of it, or of its devices, may have changed. */
  priorityWrites = 0;
  changes = 0;
  readonly shared = Array.from({ length: WORDS - 1 }, (_, n) => new Bank(FIRST_SPI + 32 * n));
  readonly vcpus = Array.from({ length: MAX_VCPUS }, (_, id) => new VcpuGic(this, id));
  /** GICD_IROUTER<n>, of SPIs. */
  readonly routes = new Float64Array(INTIDS);

  /** As at reset, but what others may have rung since: they do not wait. */
  reset(): void {
    this.groups = 0;
    this.priorityWrites++;
    this.changes++;
    this.routes.fill(0);
    for (const bank of this.shared) bank.reset(true);
    for (const vcpu of this.vcpus) vcpu.reset();
  }

  /** An SPI goes to the vCPU of that affinity, if there is one. */
  route(intid: number, affinity: number): void {
    this.routes[intid] = affinity;
    const bit = 1 << (intid & 31);
    for (const { id, aims } of this.vcpus) aims[intid >> 5] = (aims[intid >> 5]! & ~bit) | (id === affinity ? bit : 0);
  }
}
