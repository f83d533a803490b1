// What guests do to their GIC, their physical timer and the doorbells of others, by the exits that they make, and what they must be told there.

import { bundle } from "../../abi/bundle.ts";
import { calls } from "../../abi/calls.ts";
import { exceptionClass as ec } from "../../abi/esr.ts";
import { guest as guestMachine } from "../../abi/guest.ts";
import { trappedRegisters } from "../../abi/sysregs.ts";
import { Violation } from "../faults.ts";
import type { Guest } from "../guest.ts";
import type { Machine } from "../machine.ts";
import {
  bytesOf,
  encode,
  isDeviceAccess,
  isSystemRead,
  isWide,
  isWrite,
  registerOf,
  systemRegister,
  systemRt,
} from "../state/cause.ts";
import { PC } from "../state/general.ts";
import { bits } from "../words.ts";
import { MAX_VCPUS, type VcpuGic, VmGic } from "./interrupts.ts";
import { DeviceLines } from "./lines.ts";
import { placeOf, sendSgi, write, wrongRead } from "./registers.ts";

const { DOORBELL_SPI, GICD_BASE, GICR_BASE, GICR_STRIDE, RTC_BASE, UART_BASE, VIRTIO_BASE, VIRTIO_STRIDE } = guestMachine;
const DOORBELL = (calls.find(({ name }) => name === "HL_DOORBELL")?.id ?? 0) | 0;
/** The first address behind a VM's GIC. */
const GIC_END = GICR_BASE + MAX_VCPUS * GICR_STRIDE;
const VIRTIO_END = VIRTIO_BASE + bundle.MAX_VIRTIO_OF_VM * VIRTIO_STRIDE;
/** The page that HPFAR_EL2.FIPA names. */
const pageOf = (hpfar: bigint): number => bits(hpfar, 39, 4) * 4096;
const register = {
  SGI1R: encode(trappedRegisters.ICC_SGI1R_EL1),
  SGI0R: encode(trappedRegisters.ICC_SGI0R_EL1),
  CONTROL: encode(trappedRegisters.CNTP_CTL_EL0),
  COMPARE: encode(trappedRegisters.CNTP_CVAL_EL0),
  DISTANCE: encode(trappedRegisters.CNTP_TVAL_EL0),
};

export class Exits {
  readonly #machine: Machine;
  readonly #vms = new Map<number, VmGic>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  vm(vmid: number): VmGic {
    let found = this.#vms.get(vmid);
    if (found === undefined) {
      found = new VmGic();
      this.#vms.set(vmid, found);
    }
    return found;
  }
  of(guest: Guest): VcpuGic {
    if (guest.gic === undefined) {
      const vm = this.vm(guest.vmid);
      vm.devices ??= new DeviceLines(this.#machine.view, guest.vcpu);
      guest.gic = vm.vcpus[guest.id]!;
    }
    return guest.gic;
  }
  /** How many vCPUs a VM has. */
  #count(vmid: number): number {
    return this.#machine.isolation.system?.vms[vmid - 1]?.vcpus ?? MAX_VCPUS;
  }

  /** The answer to a guest's exit is in its record. Returns whether something may be pending, or not, that was not, or was. */
  answered(guest: Guest): boolean {
    const { general } = guest;
    const { exceptionClass } = general.cause;
    if (exceptionClass === ec.EC_HVC64 || exceptionClass === ec.EC_SMC64)
      return general.function === DOORBELL && general.rule !== undefined && general.now[0] === 0n && this.#ring(guest);
    if (exceptionClass === ec.EC_DABT_LOWER) return this.#access(guest);
    return exceptionClass === ec.EC_SYSREG && this.#systemRegister(guest);
  }

  /** Its instruction was carried out; else it takes an exception, or was reset meanwhile. */
  #isDone({ general }: Guest): boolean {
    return general.now[PC] === general.was[PC]! + 4n;
  }

  #ring({ vmid, general }: Guest): boolean {
    const bell = this.#machine.isolation.system?.vms[vmid - 1]?.doorbells[Number(general.was[1])];
    if (bell === undefined) return false;
    const n = DOORBELL_SPI + bell.number;
    const peer = this.vm(bell.peer + 1);
    peer.shared[n >> 5]?.setPending(1 << (n & 31));
    peer.changes++;
    return true;
  }

  #access(guest: Guest): boolean {
    const { esr, hpfar } = guest.general.cause;
    const page = pageOf(hpfar);
    if (page >= VIRTIO_BASE && page < VIRTIO_END) return this.#virtio();
    if (page < GICD_BASE || page >= GIC_END) return page === UART_BASE || page === RTC_BASE;
    if (!isDeviceAccess(esr) || !this.#isDone(guest)) return false;
    if (isWrite(esr)) return this.#write(guest, page);
    this.#read(guest, page);
    return false;
  }

  /** What a device does may be for any VM: a line of its own, or that of a port of the same switch. */
  #virtio(): boolean {
    for (const vm of this.#vms.values()) vm.changes++;
    return true;
  }

  #write({ general, vmid }: Guest, page: number): boolean {
    const { esr, far } = general.cause;
    const place = placeOf(page + bits(far, 11, 0), this.#count(vmid));
    const rt = registerOf(esr);
    if (place !== undefined) write(this.vm(vmid), place, bytesOf(esr), rt === 31 ? 0n : general.was[rt]!);
    return place !== undefined;
  }

  #read(guest: Guest, page: number): void {
    const { general, vcpu, vmid } = guest;
    const { esr, far } = general.cause;
    const place = placeOf(page + bits(far, 11, 0), this.#count(vmid));
    const rt = registerOf(esr);
    if (place === undefined || rt === 31) return;
    // Of eight bytes, a W register has four.
    const bytes = isWide(esr) ? bytesOf(esr) : Math.min(bytesOf(esr), 4);
    const linesOf = (word: number): number | undefined => this.#linesIn(guest, place.frame, word);
    const wrong = wrongRead(this.vm(vmid), place, bytes, general.now[rt]!, linesOf);
    if (wrong !== undefined) throw new Violation(`the vCPU at 0x${vcpu.toString(16)}, VMID ${vmid}, asks its GIC: ${wrong}`);
  }

  /** The lines that are high of a word that a vCPU has read, if it is not another one's, and what they bring has arrived. */
  #linesIn(guest: Guest, frame: number | undefined, word: number): number | undefined {
    const cpu = guest.where;
    if (cpu === undefined || cpu.isWanted || (frame !== undefined && frame !== guest.id)) return undefined;
    return this.of(guest).lines(word, cpu.timer);
  }

  #systemRegister(guest: Guest): boolean {
    const { vmid, general, machine } = guest;
    const { esr } = general.cause;
    if (isSystemRead(esr)) return false;
    const which = systemRegister(esr);
    const isSgi = which === register.SGI1R || which === register.SGI0R;
    if (!isSgi && which !== register.CONTROL && which !== register.COMPARE && which !== register.DISTANCE) return false;
    if (!this.#isDone(guest)) return false;
    const rt = systemRt(esr);
    const value = rt === 31 ? 0n : general.was[rt]!;
    const own = this.of(guest);
    if (isSgi) sendSgi(own, value, which === register.SGI1R ? 1 : 0, this.#count(vmid));
    else if (which === register.CONTROL) own.timerControl = Number(value & 3n);
    else if (which === register.COMPARE) own.timerCompare = value;
    else {
      // Nothing but the board's count is the same for whoever it was and whoever is here now.
      const offset = machine.state?.lives.offsetOf(vmid) ?? 0n;
      own.timerCompare = BigInt.asUintN(64, machine.counter.count - offset + BigInt.asIntN(32, value));
    }
    return true;
  }
}
