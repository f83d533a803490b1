// A simulated AArch64 board with one CPU that runs core.wasm at EL2: memory, interrupt controller, timer, UART, clock, firmware, and the rules that
// metal/ enforces on the board. What the core does wrong ends the run with a Violation (faults.ts).

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { layout } from "../abi/layout.ts";
import { ROOT } from "../tool/paths.ts";
import { type CpuModel, cortexA57 } from "./cpu-model.ts";
import { Crash } from "./crash.ts";
import type { Device } from "./device.ts";
import { Door } from "./door.ts";
import { Absent, Asleep, Violation } from "./faults.ts";
import { Firmware } from "./firmware.ts";
import { makeHal } from "./hal.ts";
import { InterruptController, intids } from "./interrupts.ts";
import { Order } from "./order.ts";
import { BoardUart } from "./pl011.ts";
import { BoardClock } from "./pl031.ts";
import { type Bank, Ram } from "./ram.ts";
import { LEFT_BEHIND, SystemRegisters } from "./sysregs.ts";
import { Timer } from "./timer.ts";
import { VirtualInterface } from "./virtual-interrupts.ts";
import { bit, hex } from "./words.ts";

/** The core's entries (src/main.ts). */
interface Core {
  readonly memory: WebAssembly.Memory;
  boot(fdt: bigint, flags: bigint): number;
  onSync(vcpu: number, esr: bigint): number;
  onIrq(vcpu: number): number;
  onSError(vcpu: number, esr: bigint): number;
  onCrash(vector: bigint): void;
}

export const DISTRIBUTOR = 0x0800_0000;
export const REDISTRIBUTORS = 0x080a_0000;
/** Device-nGnRE, as MAIR_EL2 of boot.S has it. */
const MEMORY_DEVICE = 0x04;

let compiled: WebAssembly.Module | undefined;
const core = (): WebAssembly.Module => {
  compiled ??= new WebAssembly.Module(readFileSync(join(ROOT, "build/core.wasm")));
  return compiled;
};

export interface MachineOptions {
  readonly cpu?: CpuModel;
  readonly mpidr?: bigint;
  readonly banks?: readonly Bank[];
  /** Where the loader has put the hypervisor's image. */
  readonly imageStart?: number;
  /** The affinities of the board's redistributors; by default there is one, this CPU's. */
  readonly redistributors?: readonly bigint[];
  readonly uartAt?: number;
  /** No redistributor says that it is the last. */
  readonly endlessRedistributors?: boolean;
}

export const DEFAULT_BANKS: readonly Bank[] = [{ base: 0x4000_0000, size: 0x1000_0000 }];

export class Machine {
  readonly ram: Ram;
  readonly order = new Order();
  readonly door: Door;
  readonly timer = new Timer();
  readonly uart: BoardUart;
  readonly clock = new BoardClock();
  readonly firmware = new Firmware();
  readonly interrupts: InterruptController;
  readonly virtual: VirtualInterface;
  readonly registers: SystemRegisters;
  readonly crash = new Crash();
  /** V0 to V31, FPCR and FPSR, as they are in the CPU. */
  readonly vectors: bigint[] = Array.from({ length: 66 }, () => LEFT_BEHIND);
  readonly core: Core;
  /** The core's linear memory. */
  readonly memory: Uint8Array;
  readonly view: DataView;
  readonly #devices: readonly Device[];

  /** HAL calls so far, and how many there may be. */
  calls = 0;
  callLimit = Number.POSITIVE_INFINITY;
  /** What happens while the CPU sleeps; time passes if it does nothing. */
  whileAsleep: () => void = () => undefined;

  constructor(options: MachineOptions = {}) {
    const { cpu = cortexA57, mpidr = 0x8000_0000n, banks = DEFAULT_BANKS, imageStart = 0x4020_0000 } = options;
    this.ram = new Ram(banks);
    this.uart = new BoardUart(options.uartAt);
    this.door = new Door(this.ram, this.order, imageStart);
    this.interrupts = new InterruptController(mpidr);
    this.virtual = new VirtualInterface(cpu.listRegisters, cpu.priorityBits, (intid) => this.interrupts.deactivateLinked(intid));
    const { timer, interrupts, virtual, order, door } = this;
    this.registers = new SystemRegisters({ model: cpu, mpidr, timer, interrupts, virtual, order, door });
    interrupts.connect(intids.VIRTUAL_TIMER, () => timer.virtualLine);
    interrupts.connect(intids.HYPERVISOR_TIMER, () => timer.hypervisorLine);
    interrupts.connect(intids.MAINTENANCE, () => virtual.maintenance);
    interrupts.connect(intids.UART, () => this.uart.line);
    this.#devices = [
      this.uart,
      this.clock,
      interrupts.distributor(DISTRIBUTOR),
      interrupts.redistributor(REDISTRIBUTORS, options.redistributors, options.endlessRedistributors),
    ];
    this.core = new WebAssembly.Instance(core(), makeHal(this) as WebAssembly.Imports).exports as unknown as Core;
    this.memory = new Uint8Array(this.core.memory.buffer);
    this.view = new DataView(this.core.memory.buffer);
  }

  #device(pa: bigint, bytes: number): { device: Device; offset: number } {
    const at = Number(pa);
    this.door.requireMapped(layout.DEVICE_MAP, at, bytes, MEMORY_DEVICE);
    if (at % bytes !== 0) throw new Violation(`a device access of ${bytes} bytes at ${hex(at)}`);
    const device = this.#devices.find(({ base, size }) => at >= base && at < base + size);
    if (device === undefined) throw new Absent(`there is no device at ${hex(at)}: an SError on the board`);
    return { device, offset: at - device.base };
  }

  readDevice(pa: bigint, bytes: number): bigint {
    const { device, offset } = this.#device(pa, bytes);
    return device.read(offset, bytes);
  }
  writeDevice(pa: bigint, bytes: number, value: bigint): void {
    const { device, offset } = this.#device(pa, bytes);
    device.write(offset, bytes, value);
  }

  /** CPTR_EL2.TFP is clear, so that vector registers can be used at EL2. */
  get isFpOpen(): boolean {
    return !bit(this.registers.read("CPTR_EL2"), 10);
  }
  requireOpenFp(): void {
    if (!this.isFpOpen) throw new Violation("EL2 uses vector registers that CPTR_EL2.TFP traps");
  }

  /** WFI: returns when an interrupt is pending; time passes until a timer fires. */
  sleep(): void {
    if (this.interrupts.pending() !== undefined) return;
    this.whileAsleep();
    if (this.interrupts.pending() !== undefined) return;
    const ticks = this.timer.distance;
    if (ticks === undefined) throw new Asleep();
    this.timer.advance(ticks);
  }
}
