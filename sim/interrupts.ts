// The board's interrupt controller: GICv3 with one security state (Arm IHI 0069): the distributor, a redistributor for each CPU, and their
// memory-mapped registers. Non-secure group 1 alone is used. `priority` of an interrupt with a lower number is more urgent. What a CPU takes, and
// when, is its interface's (cpu-interface.ts).

import { gicd, gicIds, gicr } from "../abi/gic.ts";
import type { Device } from "./device.ts";
import { Absent, Violation } from "./faults.ts";
import { hex } from "./words.ts";

const INTIDS = 288;
const { FIRST_PPI, FIRST_SPI } = gicIds;
/** RD_base and SGI_base of one redistributor. */
const FRAME = 0x2_0000;
/** GICD_IROUTER: any CPU takes it (12.9.22). */
const ANY_CPU = 1n << 31n;

export const intids = { MAINTENANCE: 25, HYPERVISOR_TIMER: 26, VIRTUAL_TIMER: 27, UART: 33, RTC: 34, VIRTIO: 48 };

/** What MPIDR_EL1 says of a CPU's place: Aff3 in bits 39-32, Aff2 to Aff0 below bit 24. */
export const affinityOf = (mpidr: bigint): bigint => mpidr & 0xff_00ff_ffffn;
/** The same as GICR_TYPER has it: Aff3 in bits 31-24. */
const packed = (mpidr: bigint): bigint => (mpidr & 0xff_ffffn) | ((mpidr >> 8n) & 0xff00_0000n);

/** Whether an interrupt is one of some SGIs, a bit each. */
const isIn = (sgis: number, intid: number): boolean => intid < FIRST_PPI && ((sgis >> intid) & 1) === 1;

export class Interrupt {
  readonly intid: number;
  #enabled = false;
  readonly #changed: () => void;
  /** Pending by an edge or a write. */
  latch = false;
  active = false;
  edge = false;
  group1 = false;
  priority = 0;
  route = 0n;
  /** A device's line as it is now; of those that have one. */
  line: (() => boolean) | undefined;

  /** `changed` is called when it is enabled or disabled. */
  constructor(intid: number, changed: () => void) {
    this.intid = intid;
    this.#changed = changed;
  }

  get enabled(): boolean {
    return this.#enabled;
  }
  set enabled(value: boolean) {
    this.#enabled = value;
    this.#changed();
  }

  get isPending(): boolean {
    return this.latch || (this.line !== undefined && !this.edge && this.line());
  }
}

/** Interrupts by number, and those of them that are enabled: all that can ever be taken. */
class Interrupts {
  readonly first: number;
  readonly all: readonly Interrupt[];
  #enabled: readonly Interrupt[] = [];

  constructor(first: number, count: number) {
    this.first = first;
    this.all = Array.from({ length: count }, (_, n) => new Interrupt(first + n, () => this.#collect()));
  }

  #collect(): void {
    this.#enabled = this.all.filter(({ enabled }) => enabled);
  }
  get enabled(): readonly Interrupt[] {
    return this.#enabled;
  }
}

/** A redistributor: SGIs and PPIs of one CPU. */
class Redistributor {
  readonly affinity: bigint;
  readonly interrupts = new Interrupts(0, FIRST_SPI);
  asleep = true;

  constructor(mpidr: bigint) {
    this.affinity = affinityOf(mpidr);
    for (const one of this.interrupts.all.slice(0, FIRST_PPI)) one.edge = true;
  }
}

export class InterruptController {
  readonly #shared = new Interrupts(FIRST_SPI, INTIDS - FIRST_SPI);
  readonly #redistributors: readonly Redistributor[];
  readonly #packed: readonly bigint[];
  #control = 0;

  /** `mpidrs`: one of each CPU. */
  constructor(mpidrs: readonly bigint[]) {
    this.#redistributors = mpidrs.map((mpidr) => new Redistributor(mpidr));
    this.#packed = mpidrs.map(packed);
  }

  #redistributor(cpu: number): Redistributor {
    const found = this.#redistributors[cpu];
    if (found === undefined) throw new Violation(`CPU ${cpu} has no redistributor`);
    return found;
  }

  /** An interrupt as CPU number `cpu` of the board sees it. */
  at(intid: number, cpu = 0): Interrupt {
    const { first, all } = intid < FIRST_SPI ? this.#redistributor(cpu).interrupts : this.#shared;
    const found = all[intid - first];
    if (found === undefined) throw new Violation(`interrupt ${intid} does not exist`);
    return found;
  }

  /** Connects the line of a level-sensitive source. */
  connect(intid: number, line: () => boolean, cpu = 0): void {
    this.at(intid, cpu).line = line;
  }
  /** An edge on an interrupt's line. */
  pulse(intid: number, cpu = 0): void {
    this.at(intid, cpu).latch = true;
  }
  isActive(intid: number, cpu = 0): boolean {
    return this.at(intid, cpu).active;
  }
  isEnabled(intid: number, cpu = 0): boolean {
    return this.at(intid, cpu).enabled;
  }

  /** The most urgent pending interrupt that is for a CPU, whether its interface lets it through or not; of the SGIs `among`, a bit each, alone, if that is given. */
  highest(cpu: number, among?: number): Interrupt | undefined {
    const { interrupts, affinity, asleep } = this.#redistributor(cpu);
    if ((this.#control & gicd.GICD_CTLR_ENABLE_G1) === 0 || asleep) return undefined;
    return this.#best(this.#shared, affinity, among, this.#best(interrupts, affinity, among, undefined));
  }

  /** Of those in a row, the most urgent that is pending for a CPU; `before`: unless that is as urgent. */
  #best(
    { enabled }: Interrupts,
    affinity: bigint,
    among: number | undefined,
    before: Interrupt | undefined,
  ): Interrupt | undefined {
    let best = before;
    for (const one of enabled) {
      // Asked millions of times a second: what is seldom so comes first.
      if (!one.isPending || one.active || !one.group1 || (among !== undefined && !isIn(among, one.intid))) continue;
      if (best !== undefined && one.priority >= best.priority) continue;
      if (one.intid >= FIRST_SPI && one.route !== affinity && (one.route & ANY_CPU) === 0n) continue;
      best = one;
    }
    return best;
  }

  /** The SGIs that are pending at a CPU, a bit each. */
  pendingSgis(cpu: number): number {
    const { all } = this.#redistributor(cpu).interrupts;
    let pending = 0;
    for (let intid = 0; intid < FIRST_PPI; intid++) if (all[intid]!.isPending) pending |= 1 << intid;
    return pending;
  }

  /** An SGI of group 1 reaches the CPUs whose affinity `isTarget` takes; where it is in group 0 it goes nowhere (12.2.20). */
  sendSgi(intid: number, isTarget: (affinity: bigint, cpu: number) => boolean): void {
    for (const [cpu, { affinity }] of this.#redistributors.entries()) {
      const one = this.at(intid, cpu);
      if (one.group1 && isTarget(affinity, cpu)) one.latch = true;
    }
  }

  // --- memory-mapped registers (12.9, 12.11)

  /** Registers of one bit an interrupt; undefined if `offset` is none of them. */
  #bank(offset: number, { first, all: interrupts }: Interrupts): { name: string; ones: readonly Interrupt[] } | undefined {
    const banks: Record<string, number> = {
      group: gicd.GICD_IGROUPR,
      enable: gicd.GICD_ISENABLER,
      disable: gicd.GICD_ICENABLER,
      setPending: gicd.GICD_ISPENDR,
      clearPending: gicd.GICD_ICPENDR,
      setActive: gicd.GICD_ISACTIVER,
      clearActive: gicd.GICD_ICACTIVER,
    };
    for (const [name, start] of Object.entries(banks)) {
      const base = (offset - start) * 8 - first;
      if (offset >= start && offset < start + 0x80 && base >= 0 && base < interrupts.length) {
        return { name, ones: interrupts.slice(base, base + 32) };
      }
    }
    return undefined;
  }

  #read(offset: number, bytes: number, span: Interrupts): bigint {
    const { first, all: interrupts } = span;
    const bank = this.#bank(offset, span);
    if (bank !== undefined && bytes === 4) {
      let word = 0;
      for (const [n, one] of bank.ones.entries()) {
        const set =
          bank.name === "group"
            ? one.group1
            : bank.name.endsWith("able")
              ? one.enabled
              : bank.name.endsWith("Active")
                ? one.active
                : one.isPending;
        if (set) word |= 1 << n;
      }
      return BigInt(word >>> 0);
    }
    const config = (offset - gicd.GICD_ICFGR) * 4 - first;
    if (bytes === 4 && config >= 0 && config < interrupts.length) {
      let word = 0;
      for (const [n, one] of interrupts.slice(config, config + 16).entries()) if (one.edge) word |= 2 << (2 * n);
      return BigInt(word >>> 0);
    }
    throw new Absent(`the board's GIC has no register of ${bytes} bytes to read at ${hex(offset)}`);
  }

  #write(offset: number, bytes: number, value: bigint, span: Interrupts): void {
    const { first, all: interrupts } = span;
    const word = Number(value);
    const bank = this.#bank(offset, span);
    const priority = offset - gicd.GICD_IPRIORITYR - first;
    const config = (offset - gicd.GICD_ICFGR) * 4 - first;
    if (bank !== undefined && bytes === 4) {
      for (const [n, one] of bank.ones.entries()) {
        const set = ((word >>> n) & 1) === 1;
        if (bank.name === "group") one.group1 = set;
        else if (set && bank.name.endsWith("able")) one.enabled = bank.name === "enable";
        else if (set && bank.name.endsWith("Pending")) one.latch = bank.name === "setPending";
        else if (set && bank.name.endsWith("Active")) one.active = bank.name === "setActive";
      }
    } else if ((bytes === 1 || bytes === 4) && priority >= 0 && priority < interrupts.length) {
      for (const [n, one] of interrupts.slice(priority, priority + bytes).entries()) one.priority = (word >>> (8 * n)) & 0xf8;
    } else if (bytes === 4 && config >= 0 && config + first >= FIRST_PPI && config < interrupts.length) {
      for (const [n, one] of interrupts.slice(config, config + 16).entries()) one.edge = ((word >>> (2 * n + 1)) & 1) === 1;
    } else {
      throw new Absent(`the board's GIC has no register of ${bytes} bytes to write at ${hex(offset)}`);
    }
  }

  /** GICD_CTLR (12.9.4): ARE changes only while the groups are off, and does not go back. */
  #writeControl(value: number): void {
    const { GICD_CTLR_ARE_NS: are, GICD_CTLR_ENABLE_G0, GICD_CTLR_ENABLE_G1 } = gicd;
    const groups = (this.#control | value) & (GICD_CTLR_ENABLE_G0 | GICD_CTLR_ENABLE_G1);
    const change = (this.#control ^ value) & are;
    if (change !== 0 && ((value & are) === 0 || groups !== 0)) throw new Violation("GICD_CTLR.ARE changes while it must not");
    this.#control = value;
  }

  distributor(base: number): Device {
    const span = this.#shared;
    return {
      base,
      size: 0x1_0000,
      read: (offset, bytes) => {
        if (offset === gicd.GICD_CTLR && bytes === 4) return BigInt(this.#control | gicd.GICD_CTLR_DS);
        if (offset === gicd.GICD_TYPER && bytes === 4) return BigInt(INTIDS / 32 - 1);
        return this.#read(offset, bytes, span);
      },
      write: (offset, bytes, value) => {
        const routed = (offset - gicd.GICD_IROUTER) / 8;
        if (offset === gicd.GICD_CTLR && bytes === 4) this.#writeControl(Number(value));
        else if (bytes === 8 && routed >= FIRST_SPI && routed < INTIDS) this.at(routed).route = value;
        else this.#write(offset, bytes, value, span);
      },
    };
  }

  /**
   * The redistributors' region: one for each affinity (Aff3 to Aff0 packed), each of which can be asked who it is; only those of this board's CPUs do
   * anything else. The last one says so, unless `endless`.
   */
  redistributors(base: number, affinities: readonly bigint[] = this.#packed, endless = false): Device {
    const of = (at: number): { one: Redistributor; span: Interrupts; offset: number } => {
      const one = this.#redistributors[this.#packed.indexOf(affinities[Math.floor(at / FRAME)] ?? -1n)];
      if (one === undefined) throw new Absent(`a redistributor at ${hex(base + at)} that is no CPU's`);
      return { one, span: one.interrupts, offset: at % FRAME };
    };
    return {
      base,
      size: affinities.length * FRAME,
      read: (at, bytes) => {
        const number = Math.floor(at / FRAME);
        if (at % FRAME === gicr.GICR_TYPER && bytes === 8) {
          const last = number === affinities.length - 1 && !endless ? gicr.GICR_TYPER_LAST : 0;
          return ((affinities[number] ?? 0n) << 32n) | BigInt((number << 8) | last);
        }
        const { one, span, offset } = of(at);
        if (offset === gicr.GICR_CTLR && bytes === 4) return 0n;
        if (offset === gicr.GICR_WAKER && bytes === 4) return one.asleep ? 6n : 0n;
        return this.#read(offset - gicr.GICR_SGI_FRAME, bytes, span);
      },
      write: (at, bytes, value) => {
        const { one, span, offset } = of(at);
        if (offset === gicr.GICR_WAKER && bytes === 4) one.asleep = (Number(value) & gicr.GICR_WAKER_PROCESSOR_SLEEP) !== 0;
        else this.#write(offset - gicr.GICR_SGI_FRAME, bytes, value, span);
      },
    };
  }
}
