// A simulated AArch64 board that runs core.wasm at EL2: CPUs, memory, interrupt controller, timers, UART, clock, firmware, and the rules that metal/
// enforces on the board. CPUs enter the core one after the other, whole exits each (run.ts), or several are in the middle of theirs (interleaved.ts).
// What the core does wrong ends the run with a Violation (faults.ts).

import { ichHcr } from "../abi/gic.ts";
import { layout } from "../abi/layout.ts";
import { lockPlaces } from "../abi/locks.ts";
import { BoardVirtio, Transports, type VirtioOptions } from "./board-virtio.ts";
import { compiledCore, instantiate } from "./compiled.ts";
import { Kept } from "./context.ts";
import { Cpu } from "./cpu.ts";
import { type CpuModel, cortexA57 } from "./cpu-model.ts";
import { Crash } from "./crash.ts";
import { Delivery } from "./delivery/delivery.ts";
import type { Device } from "./device.ts";
import { Door } from "./door.ts";
import { Absent, Endless, Violation } from "./faults.ts";
import { Fields, fieldOffset, sizeOf } from "./fields.ts";
import { Firmware } from "./firmware.ts";
import { Guest } from "./guest.ts";
import { type Hal, makeHal } from "./hal.ts";
import { InterruptController, intids } from "./interrupts.ts";
import { Locks } from "./locks.ts";
import { Order } from "./order.ts";
import { BoardUart } from "./pl011.ts";
import { BoardClock } from "./pl031.ts";
import { accessesOf, Races } from "./races.ts";
import { type Bank, Ram } from "./ram.ts";
import { type Pick, Run } from "./run.ts";
import { readBook } from "./sanitizers/book.ts";
import { Isolation } from "./sanitizers/isolation.ts";
import { Ledger } from "./sanitizers/ledger.ts";
import { State } from "./state/state.ts";
import { LEFT_BEHIND } from "./sysregs.ts";
import { Counter, type Timer } from "./timer.ts";
import { VirtioDevices } from "./virtio/devices.ts";
import type { VirtualInterface } from "./virtual-interrupts.ts";
import { bits, hex } from "./words.ts";

/** The core's entries (src/main.ts): those that return a record give the vCPU to enter, 0 for none. */
export interface Core {
  readonly memory: WebAssembly.Memory;
  boot(fdt: bigint, flags: bigint): number;
  bootCpu(number: number): number;
  onSync(vcpu: number, esr: bigint): number;
  onIrq(vcpu: number): number;
  onIdle(): number;
  onSError(vcpu: number, esr: bigint): number;
  onCrash(vector: bigint): void;
  /** Of one with points (instrument.ts): HAL calls up to the next. */
  readonly countdown?: WebAssembly.Global;
}

/** The core of an instance, as an object of one shape for all machines: each instance's exports are a shape of their own, and slow to call through. */
const coreOf = ({ memory, boot, bootCpu, onSync, onIrq, onIdle, onSError, onCrash, countdown }: Core): Core => ({
  memory,
  boot,
  bootCpu,
  onSync,
  onIrq,
  onIdle,
  onSError,
  onCrash,
  ...(countdown && { countdown }),
});

export const DISTRIBUTOR = 0x0800_0000;
export const REDISTRIBUTORS = 0x080a_0000;
/** Device-nGnRE, as MAIR_EL2 of boot.S has it. */
const MEMORY_DEVICE = 0x04;
/** Records that the arena has given out for VMs lie at multiples of this. */
const RECORD_ALIGN = 64;

export interface MachineOptions {
  readonly cpu?: CpuModel;
  /** How many CPUs; MPIDR_EL1 of each, by default numbered from 0. The first one boots. */
  readonly cpus?: number;
  readonly mpidrs?: readonly bigint[];
  readonly banks?: readonly Bank[];
  /** Where the loader has put the hypervisor's image. */
  readonly imageStart?: number;
  /** The affinities of the board's redistributors; by default one for each CPU. */
  readonly redistributors?: readonly bigint[];
  readonly uartAt?: number;
  /** No redistributor says that it is the last. */
  readonly endlessRedistributors?: boolean;
  /** What is behind the board's first two virtio transports. */
  readonly virtio?: readonly (VirtioOptions | undefined)[];
  /** Which CPU enters the core next, of those that something waits for; by default the first. */
  readonly pick?: Pick;
  /** In place of core.wasm: the core with a change (test/sim/planted.ts), or with more than the HAL (instrument.ts). */
  readonly wasm?: WebAssembly.Module;
  /** In place of core.wasm: a script, for what is about the simulator itself. */
  readonly core?: (hal: Hal) => Core;
  /** Stands between the core and the HAL: leaves out a call, or has one do something else. */
  readonly wrapHal?: (hal: Hal) => Hal;
}

export const DEFAULT_BANKS: readonly Bank[] = [{ base: 0x4000_0000, size: 0x1000_0000 }];

/** MPIDR_EL1 of a board's CPUs: bit 31 is RES1. */
export const mpidrsOf = ({ cpus = 1, mpidrs }: MachineOptions): readonly bigint[] =>
  mpidrs ?? Array.from({ length: cpus }, (_, n) => 0x8000_0000n | BigInt(n));

const isIn = ({ base, size }: Device, at: number): boolean => at >= base && at < base + size;

export class Machine {
  readonly ram: Ram;
  readonly order = new Order();
  readonly door: Door;
  readonly counter = new Counter();
  readonly uart: BoardUart;
  readonly clock = new BoardClock();
  /** Its virtio devices, by transport. */
  readonly virtio: readonly (BoardVirtio | undefined)[];
  readonly firmware: Firmware;
  readonly interrupts: InterruptController;
  readonly cpus: readonly Cpu[];
  readonly locks: Locks;
  /** What sees to it that each guest finds its registers; undefined with a core that is a script. */
  readonly state: State | undefined;
  /** With a core that tells of its accesses (instrument.ts). */
  readonly races: Races | undefined;
  /** What sees to it that interrupts are delivered; undefined with a core that is a script. */
  readonly delivery: Delivery | undefined;
  readonly crash = new Crash();
  readonly isolation: Isolation;
  readonly ledger: Ledger;
  readonly core: Core;
  /** Who enters the core, and when. */
  readonly run: Run;
  /** The core's linear memory. */
  readonly memory: Uint8Array;
  readonly view: DataView;
  readonly #devices: readonly Device[];
  /** The one that was found last. */
  #device: Device;
  #records: readonly number[] | undefined;
  readonly #guests = new Map<number, Guest>();

  /** HAL calls so far, and how many there may be. */
  calls = 0;
  callLimit = Number.POSITIVE_INFINITY;

  /** The core calls the HAL. */
  count(): void {
    if (++this.calls > this.callLimit) throw new Endless(this.calls);
  }

  constructor(options: MachineOptions = {}) {
    const { cpu: model = cortexA57, banks = DEFAULT_BANKS, imageStart = 0x4020_0000 } = options;
    const mpidrs = mpidrsOf(options);
    this.ram = new Ram(banks);
    this.uart = new BoardUart(options.uartAt);
    this.door = new Door(this.ram, this.order, imageStart);
    this.interrupts = new InterruptController(mpidrs);
    const { counter, interrupts, order } = this;
    const guestOf = (vcpu: number): Guest => this.guestOf(vcpu);
    const isReal = options.core === undefined;
    const kept = isReal ? new Kept() : undefined;
    const shared = { model, counter, interrupts, order, memory: () => this.view, guestOf, kept };
    this.cpus = mpidrs.map((mpidr, index) => new Cpu(index, mpidr, shared));
    // As a loader may leave it: on, and asking for maintenance. A script does not set it up.
    if (isReal) for (const { virtual } of this.cpus) virtual.hcr = LEFT_BEHIND | BigInt(ichHcr.ICH_HCR_EN);
    this.locks = new Locks(mpidrs.length, () => this.view);
    this.state = isReal ? new State(this.cpus, model) : undefined;
    const sites = options.wasm && accessesOf(options.wasm);
    this.races =
      sites &&
      new Races(layout.WINDOW_PAGES << 16, sites, (at) =>
        new Fields(
          () => this.view,
          () => this.#guests.keys(),
        ).describe(at),
      );
    this.firmware = new Firmware(this.cpus);
    interrupts.connect(intids.UART, () => this.uart.line);
    this.virtio = (options.virtio ?? []).map((one) => one && new BoardVirtio(this.ram, one));
    for (const [n, device] of this.virtio.entries()) if (device) interrupts.connect(intids.VIRTIO + n, () => device.line);
    this.#devices = [
      this.uart,
      this.clock,
      new Transports(this.ram, this.virtio),
      interrupts.distributor(DISTRIBUTOR),
      interrupts.redistributors(REDISTRIBUTORS, options.redistributors, options.endlessRedistributors),
    ];
    this.#device = this.uart;
    if (this.state !== undefined) {
      const delivery = new Delivery(this);
      this.delivery = delivery;
      this.state.lives.onStart = (vmid) => delivery.start(vmid);
      this.state.onStart = (guest) => delivery.startVcpu(guest);
      this.state.onSwitch = () => delivery.changed();
    }
    this.run = new Run(this, options.pick);
    const { ram, door, run } = this;
    const virtio = new VirtioDevices({
      view: () => this.view,
      vmRecord: (vm) => this.#vmRecord(vm),
      isOfBoard: (pa) => this.virtio.some((device) => device?.isOwnMemory(pa) === true),
      records: () => this.#allVmRecords(),
      exit: () => (run.mode === undefined ? run.exits : undefined),
    });
    this.isolation = new Isolation({ ram, owners: door.owners, cpus: () => this.cpus, acting: () => run.acting, virtio });
    const wasm = options.core === undefined ? (options.wasm ?? compiledCore()) : undefined;
    this.ledger = new Ledger({ banks, owners: door.owners, book: () => wasm && readBook(wasm, this.view) });
    const hal = (options.wrapHal ?? ((same) => same))(makeHal(this));
    const suspend = new WebAssembly.Suspending(() => this.run.mode?.suspend());
    const accesses = this.races?.imports(() => this.run.acting.index) ?? {};
    const imports = { ...hal, interleave: { suspend }, accesses };
    this.core = wasm === undefined ? options.core!(hal) : coreOf(instantiate<Core>(wasm, imports));
    this.memory = new Uint8Array(this.core.memory.buffer);
    this.view = new DataView(this.core.memory.buffer);
  }

  /** A CPU by its place on the board. */
  cpu(index: number): Cpu {
    const found = this.cpus[index];
    if (found === undefined) throw new Error(`the board has no CPU ${index}`);
    return found;
  }

  /** The vCPU with this record, as its guest sees it. */
  guestOf(vcpu: number): Guest {
    let found = this.#guests.get(vcpu);
    if (found === undefined) {
      found = new Guest(this, vcpu);
      this.#guests.set(vcpu, found);
    }
    return found;
  }

  /** The record of a VM that has run. */
  #vmRecord(vm: number): number | undefined {
    for (const { vmid, vcpu } of this.#guests.values()) if (vmid === vm + 1) return this.#vmOf(vcpu);
    return undefined;
  }
  /** Found by their locks, as they lie in the core's memory: they are all there when the boot is over. */
  #allVmRecords(): readonly number[] {
    if (this.#records !== undefined && this.run.exits > 0) return this.#records;
    const { view } = this;
    const found: number[] = [];
    for (let at = 0; at + sizeOf("Vm") <= view.byteLength; at += RECORD_ALIGN)
      if (view.getUint32(at + fieldOffset("Vm", "lockPlace"), true) === lockPlaces.LOCK_VM) found.push(at);
    this.#records = found;
    return found;
  }
  #vmOf(vcpu: number): number {
    return this.view.getUint32(vcpu + fieldOffset("Vcpu", "vm"), true);
  }

  /** vCPU number `vcpu` of VM number `vm`, if it is on a CPU. */
  running(vm: number, vcpu = 0): Guest | undefined {
    const isIt = ({ stage2, registers }: Cpu): boolean =>
      stage2.vmid === vm + 1 && bits(registers.read("VMPIDR_EL2"), 7, 0) === vcpu;
    return this.cpus.find((cpu) => cpu.vcpu !== 0 && isIt(cpu))?.guest;
  }

  // --- the first CPU's, for what is about one CPU alone

  get timer(): Timer {
    return this.cpu(0).timer;
  }
  get virtual(): VirtualInterface {
    return this.cpu(0).virtual;
  }
  get vectors(): BigUint64Array {
    return this.cpu(0).vectors;
  }
  get isFpOpen(): boolean {
    return this.cpu(0).isFpOpen;
  }

  // --- devices

  #deviceAt(at: number, bytes: number): Device {
    this.door.requireMapped(layout.DEVICE_MAP, at, bytes, MEMORY_DEVICE);
    if (at % bytes !== 0) throw new Violation(`a device access of ${bytes} bytes at ${hex(at)}`);
    if (!isIn(this.#device, at)) {
      const found = this.#devices.find((device) => isIn(device, at));
      if (found === undefined) throw new Absent(`there is no device at ${hex(at)}: an SError on the board`);
      this.#device = found;
    }
    return this.#device;
  }

  readDevice(at: number, bytes: number): bigint {
    const device = this.#deviceAt(at, bytes);
    return device.read(at - device.base, bytes);
  }
  writeDevice(at: number, bytes: number, value: bigint): void {
    const device = this.#deviceAt(at, bytes);
    device.write(at - device.base, bytes, value);
  }
}
