// The physical CPU interface of one CPU: ICC_* system registers (Arm IHI 0069, 12.2), by which it takes, ends and sends interrupts.

import { gicIds } from "../abi/gic.ts";
import { Violation } from "./faults.ts";
import { affinityOf, type Interrupt, type InterruptController } from "./interrupts.ts";
import { bit, bits, lowHalf, numberOf, wordOf } from "./words.ts";

const IDLE = 0x100;
/** ICC_SGI1R_EL1.IRM: all others. */
const IRM = 40;

export class CpuInterface {
  readonly #controller: InterruptController;
  readonly #cpu: number;
  readonly #mpidr: bigint;
  /** ICC_SRE_EL2.SRE. */
  #isOn = false;
  #mask = 0;
  #endOfInterruptMode = 0;
  #groupEnabled = false;
  /** Priorities that run, the most urgent last. */
  readonly #running: number[] = [];
  /** The SGIs that have arrived so far, a bit each, if that is not all that is pending. */
  #arrived: number | undefined;

  constructor(controller: InterruptController, cpu: number, mpidr: bigint) {
    this.#controller = controller;
    this.#cpu = cpu;
    this.#mpidr = mpidr;
  }

  /** The SGIs that are pending now have arrived; everything else does later, when all has. */
  holdBack(): void {
    this.#arrived = this.#controller.pendingSgis(this.#cpu);
  }
  letAll(): void {
    this.#arrived = undefined;
  }

  /** The interrupt that would be taken now. */
  pending(): Interrupt | undefined {
    if (!this.#groupEnabled || !this.#isOn) return undefined;
    const best = this.#controller.highest(this.#cpu, this.#arrived);
    if (best === undefined) return undefined;
    const { priority } = best;
    return priority < this.#mask && priority < (this.#running.at(-1) ?? IDLE) ? best : undefined;
  }

  writeSre(value: bigint): void {
    this.#isOn = (value & 1n) !== 0n;
  }
  writePmr(value: bigint): void {
    this.#mask = lowHalf(value) & 0xff;
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
    if (!this.#isOn) throw new Violation("ICC registers are UNDEFINED: ICC_SRE_EL2.SRE is 0");
  }

  acknowledge(): bigint {
    this.#requireSystemRegisters();
    const one = this.pending();
    if (one === undefined) return wordOf(gicIds.INTID_SPURIOUS);
    one.active = true;
    one.latch = false;
    if (this.#arrived !== undefined) this.#arrived &= ~(1 << one.intid);
    this.#running.push(one.priority);
    return wordOf(one.intid);
  }

  /** ICC_EOIR1_EL1: anything but the last acknowledged is UNPREDICTABLE (12.2.10). */
  end(value: bigint): void {
    this.#requireSystemRegisters();
    const one = this.#controller.at(numberOf(value), this.#cpu);
    if (this.#running.at(-1) !== one.priority || !one.active)
      throw new Violation(`EOI of ${value}, which is not the one that runs`);
    this.#running.pop();
    if (this.#endOfInterruptMode === 0) one.active = false;
  }

  /** ICC_DIR_EL1, which means something in EOImode 1 alone (12.2.9). */
  deactivate(value: bigint): void {
    this.#requireSystemRegisters();
    if (this.#endOfInterruptMode === 0) throw new Violation("ICC_DIR_EL1 is written in EOImode 0");
    if (!this.#controller.at(numberOf(value), this.#cpu).active)
      throw new Violation(`ICC_DIR_EL1 = ${value}, which is not active: nothing, or the end of one that comes meanwhile`);
    this.deactivateLinked(numberOf(value));
  }

  /** The end of an interrupt that a list register links to (4.2.2). */
  deactivateLinked(intid: number): void {
    this.#controller.at(intid, this.#cpu).active = false;
  }

  /** A priority of an acknowledged interrupt still runs: nothing of the same priority could come to this CPU again. */
  get isBusy(): boolean {
    return this.#running.length > 0;
  }

  /** ICC_SGI1R_EL1 (12.2.20): an SGI to all others with IRM set, else to the listed ones of a cluster. */
  send(value: bigint): void {
    this.#requireSystemRegisters();
    const first = 16 * bits(value, 47, 44);
    const cluster =
      (BigInt(bits(value, 55, 48)) << 32n) | (BigInt(bits(value, 39, 32)) << 16n) | BigInt(bits(value, 23, 16) << 8);
    this.#controller.sendSgi(bits(value, 27, 24), (affinity) => {
      if (bit(value, IRM)) return affinity !== affinityOf(this.#mpidr);
      const own = bits(affinity, 7, 0);
      return (affinity & ~0xffn) === cluster && own >= first && own < first + 16 && bit(value, own - first);
    });
  }
}
