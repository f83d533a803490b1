// One CPU of the simulated board: its registers, timers and interrupt interfaces, and the vCPU that runs on it.

import { Context, type Kept } from "./context.ts";
import { CpuInterface } from "./cpu-interface.ts";
import type { CpuModel } from "./cpu-model.ts";
import { Violation } from "./faults.ts";
import type { Startable } from "./firmware.ts";
import type { Guest } from "./guest.ts";
import { affinityOf, type InterruptController, intids } from "./interrupts.ts";
import type { Order } from "./order.ts";
import { INTERRUPT } from "./state/cause.ts";
import { type Register, SystemRegisters } from "./sysregs.ts";
import { type Counter, Timer } from "./timer.ts";
import { VirtualInterface } from "./virtual-interrupts.ts";
import { bits } from "./words.ts";

/** CPTR_EL2.TFP. */
const TFP = 1n << 10n;

/** What the CPUs of a board share. */
export interface Shared {
  readonly model: CpuModel;
  readonly counter: Counter;
  readonly interrupts: InterruptController;
  readonly order: Order;
  /** The core's memory. */
  readonly memory: () => DataView;
  readonly guestOf: (vcpu: number) => Guest;
  readonly kept: Kept | undefined;
}

export class Cpu implements Startable {
  /** Its place among the board's CPUs. */
  readonly index: number;
  readonly affinity: bigint;
  readonly timer: Timer;
  readonly interface: CpuInterface;
  readonly virtual: VirtualInterface;
  readonly registers: SystemRegisters;
  readonly context: Context;
  /** V0 to V31, FPCR and FPSR, as they are in the CPU. */
  readonly vectors: BigUint64Array;
  power: Startable["power"] = "off";
  /** What the core calls it: 0 for the one that boots. */
  number = 0;
  /** The record of the vCPU that runs; 0: none, the CPU waits for an interrupt or is in the core. */
  vcpu = 0;
  /** Why the guest that runs here comes into the core next. */
  cause = INTERRUPT;
  /** The guest that ran here when it came into the core last. */
  left: Guest | undefined;
  /** It is in the core, in the middle of an exit. */
  isInside = false;
  readonly #guestOf: Shared["guestOf"];
  /** The one that was asked for last. */
  #guest: Guest | undefined;
  // Registers that every exit or entry looks at.
  readonly far: Register;
  readonly hpfar: Register;
  readonly vtcr: Register;
  readonly vttbr: Register;
  readonly vmpidr: Register;
  readonly hcr: Register;
  readonly sctlr: Register;
  readonly #cptr: Register;
  #stage2 = { vttbr: 0n, vmid: 0, root: 0 };

  constructor(index: number, mpidr: bigint, { model, counter, interrupts, order, memory, guestOf, kept }: Shared) {
    this.index = index;
    this.affinity = affinityOf(mpidr);
    this.#guestOf = guestOf;
    this.timer = new Timer(counter);
    this.interface = new CpuInterface(interrupts, index, mpidr);
    this.virtual = new VirtualInterface(model.listRegisters, model.priorityBits, (intid) =>
      this.interface.deactivateLinked(intid),
    );
    const { timer, virtual } = this;
    this.registers = new SystemRegisters({ model, mpidr, timer, interface: this.interface, virtual, order });
    this.far = this.registers.at("FAR_EL2");
    this.hpfar = this.registers.at("HPFAR_EL2");
    this.vtcr = this.registers.at("VTCR_EL2");
    this.vttbr = this.registers.at("VTTBR_EL2");
    this.vmpidr = this.registers.at("VMPIDR_EL2");
    this.hcr = this.registers.at("HCR_EL2");
    this.sctlr = this.registers.at("SCTLR_EL1");
    this.#cptr = this.registers.at("CPTR_EL2");
    this.context = new Context(this.registers, memory, order, kept);
    this.vectors = this.context.vectors;
    interrupts.connect(intids.VIRTUAL_TIMER, () => timer.virtualLine, index);
    interrupts.connect(intids.HYPERVISOR_TIMER, () => timer.hypervisorLine, index);
    interrupts.connect(intids.MAINTENANCE, () => virtual.maintenance, index);
  }

  /** The guest that runs here. */
  get guest(): Guest | undefined {
    if (this.vcpu === 0) return undefined;
    if (this.#guest?.vcpu !== this.vcpu) this.#guest = this.#guestOf(this.vcpu);
    return this.#guest;
  }

  /** The guest with this record. */
  guestAt(record: number): Guest {
    return this.#guestOf(record);
  }

  /** VTTBR_EL2: the VMID and the first table. */
  get stage2(): { readonly vmid: number; readonly root: number } {
    const vttbr = this.vttbr.value;
    if (vttbr !== this.#stage2.vttbr) {
      this.#stage2 = { vttbr, vmid: bits(vttbr, 63, 48), root: bits(vttbr, 47, 1) * 2 };
    }
    return this.#stage2;
  }

  /** CPTR_EL2.TFP is clear, so that vector registers can be used at EL2. */
  get isFpOpen(): boolean {
    return (this.#cptr.value & TFP) === 0n;
  }
  requireOpenFp(): void {
    if (!this.isFpOpen) throw new Violation("EL2 uses vector registers that CPTR_EL2.TFP traps");
  }

  /** An interrupt is pending for it. */
  get isWanted(): boolean {
    return this.interface.pending() !== undefined;
  }

  /** Something would bring it into the core now. */
  get isCalled(): boolean {
    return !this.isInside && (this.power === "starting" || (this.power === "on" && this.interface.pending() !== undefined));
  }
}
