// The board's interrupt controller: GICv3 with one security state (Arm IHI 0069): distributor, one redistributor, and the CPU interface's system
// registers. Non-secure group 1 alone is used. `priority` of an interrupt with a lower number is more urgent.

import { gicd, gicIds, gicr } from "../abi/gic.ts";
import type { Device } from "./device.ts";
import { Violation } from "./faults.ts";
import { hex } from "./words.ts";

const INTIDS = 288;
const IDLE = 0x100;
/** RD_base and SGI_base of one redistributor. */
const FRAME = 0x2_0000;

export const intids = { MAINTENANCE: 25, HYPERVISOR_TIMER: 26, VIRTUAL_TIMER: 27, UART: 33, RTC: 34 };

class Interrupt {
  enabled = false;
  /** Pending by an edge or a write. */
  latch = false;
  line = false;
  active = false;
  edge = false;
  group1 = false;
  priority = 0;
  route = 0n;

  get isPending(): boolean {
    return this.latch || (this.line && !this.edge);
  }
}

export class InterruptController {
  readonly #interrupts = Array.from({ length: INTIDS }, () => new Interrupt());
  readonly #mpidr: bigint;
  #control = 0;
  #asleep = true;
  // the CPU interface
  #sre = 0n;
  #mask = 0;
  #endOfInterruptMode = 0;
  #groupEnabled = false;
  /** Priorities that run, the most urgent last. */
  readonly #running: number[] = [];
  /** A device's line as it is now, for those that are asked for it. */
  readonly #lines = new Map<number, () => boolean>();

  constructor(mpidr: bigint) {
    this.#mpidr = mpidr;
    for (let intid = 0; intid < 16; intid++) this.#at(intid).edge = true;
  }

  #at(intid: number): Interrupt {
    const found = this.#interrupts[intid];
    if (found === undefined) throw new Violation(`interrupt ${intid} does not exist`);
    return found;
  }

  /** This CPU's affinity as GICR_TYPER has it: Aff3 in bits 31-24. */
  get #affinity(): bigint {
    return (this.#mpidr & 0xff_ffffn) | ((this.#mpidr >> 8n) & 0xff00_0000n);
  }

  /** Connects the line of a level-sensitive source. */
  connect(intid: number, line: () => boolean): void {
    this.#lines.set(intid, line);
  }

  /** An edge on an interrupt's line. */
  pulse(intid: number): void {
    this.#at(intid).latch = true;
  }

  #sample(): void {
    for (const [intid, line] of this.#lines) this.#at(intid).line = line();
  }

  isActive(intid: number): boolean {
    return this.#at(intid).active;
  }
  isEnabled(intid: number): boolean {
    return this.#at(intid).enabled;
  }

  /** The most urgent pending interrupt, whether the CPU interface lets it through or not. */
  #highest(): number | undefined {
    this.#sample();
    if ((this.#control & gicd.GICD_CTLR_ENABLE_G1) === 0 || this.#asleep) return undefined;
    let best: number | undefined;
    for (const [intid, one] of this.#interrupts.entries()) {
      if (!one.enabled || !one.isPending || one.active || !one.group1) continue;
      if (intid >= gicIds.FIRST_SPI && one.route !== (this.#mpidr & 0xff_00ff_ffffn)) continue;
      if (best === undefined || one.priority < this.#at(best).priority) best = intid;
    }
    return best;
  }

  /** The interrupt that would be taken now. */
  pending(): number | undefined {
    const best = this.#highest();
    if (best === undefined || !this.#groupEnabled || (this.#sre & 1n) === 0n) return undefined;
    const { priority } = this.#at(best);
    return priority < this.#mask && priority < (this.#running.at(-1) ?? IDLE) ? best : undefined;
  }

  // --- system registers of the CPU interface (12.2)

  writeSre(value: bigint): void {
    this.#sre = value;
  }
  writePmr(value: bigint): void {
    this.#mask = Number(value & 0xffn);
  }
  writeCtlr(value: bigint): void {
    this.#endOfInterruptMode = Number((value >> 1n) & 1n);
  }
  writeIgrpen1(value: bigint): void {
    this.#groupEnabled = (value & 1n) !== 0n;
  }

  /** ICC_AP1R0_EL1: nothing but what makes every priority idle. */
  writeActive(value: bigint): void {
    this.#requireSystemRegisters();
    if (value !== 0n) throw new Violation(`ICC_AP1R0_EL1 = ${value}`);
    this.#running.length = 0;
  }

  #requireSystemRegisters(): void {
    if ((this.#sre & 1n) === 0n) throw new Violation("ICC registers are UNDEFINED: ICC_SRE_EL2.SRE is 0");
  }

  acknowledge(): bigint {
    this.#requireSystemRegisters();
    const intid = this.pending();
    if (intid === undefined) return BigInt(gicIds.INTID_SPURIOUS);
    const one = this.#at(intid);
    one.active = true;
    one.latch = false;
    this.#running.push(one.priority);
    return BigInt(intid);
  }

  /** ICC_EOIR1_EL1: anything but the last acknowledged is UNPREDICTABLE (12.2.10). */
  end(value: bigint): void {
    this.#requireSystemRegisters();
    const one = this.#at(Number(value));
    if (this.#running.at(-1) !== one.priority || !one.active)
      throw new Violation(`EOI of ${value}, which is not the one that runs`);
    this.#running.pop();
    if (this.#endOfInterruptMode === 0) one.active = false;
  }

  /** ICC_DIR_EL1, which means something in EOImode 1 alone (12.2.9). */
  deactivate(value: bigint): void {
    this.#requireSystemRegisters();
    if (this.#endOfInterruptMode === 0) throw new Violation("ICC_DIR_EL1 is written in EOImode 0");
    this.#at(Number(value)).active = false;
  }

  /** The end of an interrupt that a list register links to (4.2.2). */
  deactivateLinked(intid: number): void {
    this.#at(intid).active = false;
  }

  // --- memory-mapped registers (12.9, 12.11)

  /** Registers of one bit an interrupt; returns undefined if `offset` is none. */
  #bank(offset: number, first: number, count: number): { name: string; base: number } | undefined {
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
      const base = (offset - start) * 8;
      if (offset >= start && offset < start + 0x80 && base >= first && base < first + count) return { name, base };
    }
    return undefined;
  }

  #readShared(offset: number, bytes: number, first: number, count: number): bigint {
    const bank = this.#bank(offset, first, count);
    if (bank !== undefined && bytes === 4) {
      let word = 0;
      for (let n = 0; n < 32; n++) {
        const one = this.#at(bank.base + n);
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
    const config = (offset - gicd.GICD_ICFGR) * 4;
    if (bytes === 4 && config >= first && config < first + count) {
      let word = 0;
      for (let n = 0; n < 16; n++) if (this.#at(config + n).edge) word |= 2 << (2 * n);
      return BigInt(word >>> 0);
    }
    throw new Violation(`the board's GIC has no register of ${bytes} bytes to read at ${hex(offset)}`);
  }

  #writeShared(offset: number, bytes: number, value: bigint, first: number, count: number): void {
    const word = Number(value);
    const bank = this.#bank(offset, first, count);
    const priority = offset - gicd.GICD_IPRIORITYR;
    const config = (offset - gicd.GICD_ICFGR) * 4;
    if (bank !== undefined && bytes === 4) {
      for (let n = 0; n < 32; n++) {
        const one = this.#at(bank.base + n);
        const set = ((word >>> n) & 1) === 1;
        if (bank.name === "group") one.group1 = set;
        else if (set && bank.name.endsWith("able")) one.enabled = bank.name === "enable";
        else if (set && bank.name.endsWith("Pending")) one.latch = bank.name === "setPending";
        else if (set && bank.name.endsWith("Active")) one.active = bank.name === "setActive";
      }
    } else if ((bytes === 1 || bytes === 4) && priority >= first && priority < first + count) {
      for (let n = 0; n < bytes; n++) this.#at(priority + n).priority = (word >>> (8 * n)) & 0xf8;
    } else if (bytes === 4 && config >= Math.max(first, 16) && config < first + count) {
      for (let n = 0; n < 16; n++) this.#at(config + n).edge = ((word >>> (2 * n + 1)) & 1) === 1;
    } else {
      throw new Violation(`the board's GIC has no register of ${bytes} bytes to write at ${hex(offset)}`);
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
    return {
      base,
      size: 0x1_0000,
      read: (offset, bytes) => {
        if (offset === gicd.GICD_CTLR && bytes === 4) return BigInt(this.#control | gicd.GICD_CTLR_DS);
        if (offset === gicd.GICD_TYPER && bytes === 4) return BigInt(INTIDS / 32 - 1);
        return this.#readShared(offset, bytes, gicIds.FIRST_SPI, INTIDS - gicIds.FIRST_SPI);
      },
      write: (offset, bytes, value) => {
        const routed = (offset - gicd.GICD_IROUTER) / 8;
        if (offset === gicd.GICD_CTLR && bytes === 4) this.#writeControl(Number(value));
        else if (bytes === 8 && routed >= gicIds.FIRST_SPI && routed < INTIDS) this.#at(routed).route = value;
        else this.#writeShared(offset, bytes, value, gicIds.FIRST_SPI, INTIDS - gicIds.FIRST_SPI);
      },
    };
  }

  /**
   * The redistributors' region: one for each affinity (Aff3 to Aff0 packed), each of which can be asked who it is; only this CPU's does anything
   * else. The last one says so, unless `endless`.
   */
  redistributor(base: number, affinities: readonly bigint[] = [this.#affinity], endless = false): Device {
    const own = affinities.indexOf(this.#affinity) * FRAME;
    return {
      base,
      size: affinities.length * FRAME,
      read: (at, bytes) => {
        const number = Math.floor(at / FRAME);
        if (at % FRAME === gicr.GICR_TYPER && bytes === 8) {
          const last = number === affinities.length - 1 && !endless ? gicr.GICR_TYPER_LAST : 0;
          return ((affinities[number] ?? 0n) << 32n) | BigInt(last);
        }
        const offset = at - own;
        if (offset === gicr.GICR_CTLR && bytes === 4) return 0n;
        if (offset === gicr.GICR_WAKER && bytes === 4) return this.#asleep ? 6n : 0n;
        return this.#readShared(offset - gicr.GICR_SGI_FRAME, bytes, 0, 32);
      },
      write: (at, bytes, value) => {
        const offset = at - own;
        if (offset === gicr.GICR_WAKER && bytes === 4) this.#asleep = (Number(value) & gicr.GICR_WAKER_PROCESSOR_SLEEP) !== 0;
        else this.#writeShared(offset - gicr.GICR_SGI_FRAME, bytes, value, 0, 32);
      },
    };
  }
}
