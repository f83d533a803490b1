// The interrupt sanitizer: each interrupt of a guest is delivered exactly once, in the order of priorities, however few list registers there are (Arm IHI 0069,
// 4.1 and 12.4). What is pending follows from what guests do; held against it is what the list registers offer whenever nothing is on its way, and what guests
// take. In the second mode, in which exits overlap, it is not looked at.

import { calls } from "../../abi/calls.ts";
import { exceptionClass as ec } from "../../abi/esr.ts";
import { gicIds, ichHcr, listRegister } from "../../abi/gic.ts";
import { guest as guestMachine } from "../../abi/guest.ts";
import { el2Controls, trappedRegisters } from "../../abi/sysregs.ts";
import type { Cpu } from "../cpu.ts";
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
import { type Interrupt, Vgic } from "./interrupts.ts";
import { placeOf, sendSgi, write, wrongRead } from "./registers.ts";

const { LR_PENDING, LR_ACTIVE, LR_GROUP1 } = listRegister;
const UNDERFLOW = BigInt(ichHcr.ICH_HCR_UIE);
const { VTIMER_INTID, PTIMER_INTID, DOORBELL_SPI } = guestMachine;
const DOORBELL = (calls.find(({ name }) => name === "HL_DOORBELL")?.id ?? 0) | 0;
const MAX_VCPUS = 8;
const SPURIOUS = gicIds.INTID_SPURIOUS;
const register = {
  SGI1R: encode(trappedRegisters.ICC_SGI1R_EL1),
  SGI0R: encode(trappedRegisters.ICC_SGI0R_EL1),
  CONTROL: encode(trappedRegisters.CNTP_CTL_EL0),
  COMPARE: encode(trappedRegisters.CNTP_CVAL_EL0),
  DISTANCE: encode(trappedRegisters.CNTP_TVAL_EL0),
};

export class Delivery {
  readonly #machine: Machine;
  readonly #vgics = new Map<number, Vgic>();
  /** Something has happened since the list registers were looked at. */
  isDirty = false;
  #isOff = false;

  constructor(machine: Machine) {
    this.#machine = machine;
    for (const cpu of machine.cpus) {
      cpu.virtual.watch = {
        listed: () => (this.isDirty = true),
        acknowledged: (group, intid, running) => this.#acknowledged(cpu, group, intid, running),
        deactivated: (intid) => this.#deactivated(cpu, intid),
        counted: () => this.#counted(cpu),
      };
    }
  }

  #vgic(vmid: number): Vgic {
    const found = this.#vgics.get(vmid) ?? new Vgic();
    this.#vgics.set(vmid, found);
    return found;
  }
  #vcpus(vmid: number): number {
    return this.#machine.isolation.system?.vms[vmid - 1]?.vcpus ?? MAX_VCPUS;
  }

  /** A VM starts: everything is as at reset, but what others have rung since it could hear them. */
  start(vmid: number): void {
    const fresh = new Vgic();
    for (const [n, { latch }] of this.#vgic(vmid).shared.entries()) if (latch !== false) fresh.shared[n]!.latch = undefined;
    this.#vgics.set(vmid, fresh);
    this.isDirty = true;
  }

  /** A vCPU starts: its physical timer is off; what is pending for it stays so. */
  startVcpu({ vmid, id }: Guest): void {
    const own = this.#vgic(vmid).of(id);
    own.timerControl = 0n;
    own.timerCompare = 0n;
  }

  // --- what guests do

  /** The answer to a guest's exit is in its record. */
  answered(guest: Guest): void {
    const { general } = guest;
    const { exceptionClass } = general.cause;
    if (exceptionClass === ec.EC_HVC64 || exceptionClass === ec.EC_SMC64) {
      if (general.rule !== undefined && general.function === DOORBELL && general.now[0] === 0n) this.#ring(guest);
    } else if (exceptionClass === ec.EC_DABT_LOWER || exceptionClass === ec.EC_SYSREG) {
      // Else it takes an exception, or was reset meanwhile.
      if (general.now[PC] !== general.was[PC]! + 4n) return;
      if (exceptionClass === ec.EC_DABT_LOWER) this.#access(guest);
      else this.#systemRegister(guest);
    }
  }

  #ring({ vmid, general }: Guest): void {
    this.isDirty = true;
    const bell = this.#machine.isolation.system?.vms[vmid - 1]?.doorbells[Number(general.was[1])];
    const one = bell && this.#vgic(bell.peer + 1).at(0, gicIds.FIRST_SPI + DOORBELL_SPI + bell.number);
    if (one) one.latch = true;
  }

  #access({ vmid, general, vcpu }: Guest): void {
    const { esr, far, hpfar } = general.cause;
    if (!isDeviceAccess(esr)) return;
    const place = placeOf(Number(((hpfar & 0xff_ffff_fff0n) << 8n) | (far & 0xfffn)), this.#vcpus(vmid));
    if (place === undefined) return;
    this.isDirty = true;
    const [bytes, rt] = [bytesOf(esr), registerOf(esr)];
    if (isWrite(esr)) write(this.#vgic(vmid), place, bytes, rt === 31 ? 0n : BigInt.asUintN(8 * bytes, general.was[rt]!));
    else if (rt !== 31 && !this.#isOff && place.offset >= 0) {
      // Of eight bytes, a W register has four.
      const shown = isWide(esr) ? bytes : Math.min(bytes, 4);
      const wrong = wrongRead(this.#vgic(vmid), place, shown, BigInt.asUintN(8 * shown, general.now[rt]!));
      if (wrong !== undefined) throw new Violation(`the vCPU at 0x${vcpu.toString(16)}, VMID ${vmid}, asks its GIC: ${wrong}`);
    }
  }

  #systemRegister({ vmid, id, general, machine }: Guest): void {
    const { esr } = general.cause;
    if (isSystemRead(esr)) return;
    const rt = systemRt(esr);
    const value = rt === 31 ? 0n : general.was[rt]!;
    const own = this.#vgic(vmid).of(id);
    this.isDirty = true;
    switch (systemRegister(esr)) {
      case register.SGI1R:
        sendSgi(this.#vgic(vmid), value, 1, id, this.#vcpus(vmid));
        break;
      case register.SGI0R:
        sendSgi(this.#vgic(vmid), value, 0, id, this.#vcpus(vmid));
        break;
      case register.CONTROL:
        own.timerControl = value & 3n;
        break;
      case register.COMPARE:
        own.timerCompare = value;
        break;
      case register.DISTANCE:
        // Nothing but the board's count is the same for whoever it was and whoever is here now.
        own.timerCompare = BigInt.asUintN(64, machine.counter.count - this.#offset(vmid) + BigInt.asIntN(32, value));
        break;
      default:
        break;
    }
  }

  #offset(vmid: number): bigint {
    return this.#machine.state?.lives.offsetOf(vmid) ?? 0n;
  }

  // --- what is pending

  /** Whether an interrupt is pending for the vCPU that a CPU holds; undefined: it may be. */
  #isPending(cpu: Cpu, guest: Guest, one: Interrupt): boolean | undefined {
    if (one.latch === true || one.isOfDevice) return one.latch === true ? true : undefined;
    if (this.#line(cpu, guest, one)) return true;
    return one.latch;
  }

  #line(cpu: Cpu, { vmid, id }: Guest, { intid }: Interrupt): boolean {
    if (intid === VTIMER_INTID) return cpu.timer.virtualLine;
    if (intid !== PTIMER_INTID) return false;
    const { timerControl, timerCompare } = this.#vgic(vmid).of(id);
    return timerControl === BigInt(el2Controls.CNT_CTL_ENABLE) && cpu.timer.virtualCount >= timerCompare;
  }

  /** What the vCPU that a CPU holds must be able to take, its masks aside. */
  #due(cpu: Cpu, guest: Guest): Interrupt[] {
    const vgic = this.#vgic(guest.vmid);
    const due: Interrupt[] = [];
    for (const one of vgic.reaching(guest.id))
      if (vgic.isOpen(one) && one.active === false && this.#isPending(cpu, guest, one) === true) due.push(one);
    return due;
  }

  // --- what list registers offer

  /** Nothing is on its way to any CPU. */
  check(): void {
    const { cpus, run } = this.#machine;
    this.#isOff ||= run.mode !== undefined;
    if (this.#isOff || cpus.some(({ isInside }) => isInside)) return;
    this.isDirty = false;
    for (const cpu of cpus) {
      const idle = cpu.vcpu === 0 ? cpu.context.el1Owner : 0;
      const guest = cpu.guest ?? (idle === 0 ? undefined : cpu.guestAt(idle));
      if (guest === undefined || guest.vmid === 0) continue;
      const due = this.#checkLists(cpu, guest);
      const missed = idle === 0 ? undefined : due.find(({ group }) => cpu.virtual.isGroupEnabled(group));
      if (missed !== undefined) throw this.#wrong(cpu, guest, missed, "is pending while it sleeps");
    }
  }

  #wrong(cpu: Cpu, { vcpu, vmid }: Guest, { intid }: Interrupt, what: string): Violation {
    return new Violation(`INTID ${intid} of the vCPU at 0x${vcpu.toString(16)}, VMID ${vmid}, on CPU ${cpu.index}, ${what}`);
  }

  /** What is offered is pending; what is due is offered, as far as there is room, the most urgent first. Returns what is due. */
  #checkLists(cpu: Cpu, guest: Guest): Interrupt[] {
    const { virtual } = cpu;
    const vgic = this.#vgic(guest.vmid);
    const offered: Interrupt[] = [];
    for (const lr of virtual.lists) {
      if ((lr & (LR_PENDING | LR_ACTIVE)) === 0n) continue;
      const one = vgic.at(guest.id, Number(lr & 0xffff_ffffn));
      if (one === undefined) throw new Violation(`CPU ${cpu.index} offers INTID ${lr & 0xffff_ffffn}, which does not exist`);
      if ((lr & LR_ACTIVE) !== 0n && one.active === false)
        throw this.#wrong(cpu, guest, one, "is active in a list register, and was not taken");
      if ((lr & LR_PENDING) === 0n) continue;
      this.#checkOffered(cpu, guest, one, lr);
      offered.push(one);
    }
    const due = this.#due(cpu, guest);
    // What the guest's interface holds back may wait until it does so no more.
    const waiting = due.filter((one) => virtual.isGroupEnabled(one.group) && !offered.includes(one));
    const most = waiting.reduce<Interrupt | undefined>(
      (best, one) => (best === undefined || one.priority < best.priority ? one : best),
      undefined,
    );
    if (most === undefined) return due;
    // What waits comes when at most one list register is in use: those that are have what is more urgent.
    if ((virtual.hcr & UNDERFLOW) === 0n)
      throw this.#wrong(cpu, guest, most, "is pending, no list register has it, and nothing asks for it");
    if (offered.some(({ priority }) => priority > most.priority))
      throw this.#wrong(cpu, guest, most, "waits behind one that is less urgent");
    const isTakable = ({ priority, group }: Interrupt): boolean => virtual.lets(priority, group, virtual.runningPriority);
    if (isTakable(most) && !offered.some(isTakable))
      throw this.#wrong(cpu, guest, most, "would be taken now, and no list register has it");
    return due;
  }

  #checkOffered(cpu: Cpu, guest: Guest, one: Interrupt, lr: bigint): void {
    const vgic = this.#vgic(guest.vmid);
    if (!vgic.isOpen(one)) throw this.#wrong(cpu, guest, one, "is offered, and is disabled");
    if (!one.isPrivate && one.target !== guest.id) throw this.#wrong(cpu, guest, one, "is offered, and goes to another vCPU");
    if (one.active === true && (lr & LR_ACTIVE) === 0n) throw this.#wrong(cpu, guest, one, "is offered again while it is active");
    if (((lr & LR_GROUP1) !== 0n ? 1 : 0) !== one.group) throw this.#wrong(cpu, guest, one, "is offered in the other group");
    if (bits(lr, 55, 48) !== one.priority)
      throw this.#wrong(cpu, guest, one, `is offered at priority ${bits(lr, 55, 48)}, and has ${one.priority}`);
    if (this.#line(cpu, guest, one)) one.wasHigh = true;
    else if (this.#isPending(cpu, guest, one) === false && !one.wasHigh)
      throw this.#wrong(cpu, guest, one, "is offered, and is not pending");
  }

  // --- what guests take

  #acknowledged(cpu: Cpu, group: 0 | 1, intid: number, running: number): void {
    const { guest } = cpu;
    this.#isOff ||= this.#machine.run.mode !== undefined;
    if (guest === undefined || this.#isOff) return;
    const vgic = this.#vgic(guest.vmid);
    // While an interrupt is on its way to the CPU, the list registers may be about to change.
    const due = cpu.isWanted ? [] : this.#due(cpu, guest).filter((one) => cpu.virtual.isGroupEnabled(one.group));
    due.sort((a, b) => a.priority - b.priority);
    const [first] = due;
    if (intid === SPURIOUS) {
      if (first?.group === group && cpu.virtual.lets(first.priority, group, running))
        throw this.#wrong(cpu, guest, first, "is pending, and is not delivered");
      return;
    }
    const one = vgic.at(guest.id, intid);
    if (one === undefined) throw new Violation(`a guest takes INTID ${intid}, which does not exist`);
    if (one.active === true) throw this.#wrong(cpu, guest, one, "is taken again while it is active");
    if (this.#isPending(cpu, guest, one) === false && !one.wasHigh)
      throw this.#wrong(cpu, guest, one, "is taken, and is not pending");
    if (!vgic.isOpen(one)) throw this.#wrong(cpu, guest, one, "is taken, and is disabled");
    if (first !== undefined && first.priority < one.priority)
      throw this.#wrong(cpu, guest, one, `is taken before INTID ${first.intid}, which is more urgent`);
    one.latch = false;
    one.active = true;
    one.wasHigh = false;
    this.isDirty = true;
  }

  #deactivated({ guest }: Cpu, intid: number): void {
    const one = guest && this.#vgic(guest.vmid).at(guest.id, intid);
    if (one) one.active = false;
    this.isDirty = true;
  }

  /** An end of what no list register has: of which one is not told. */
  #counted({ guest, virtual }: Cpu): void {
    if (guest === undefined) return;
    const listed = virtual.lists.filter((lr) => (lr & LR_ACTIVE) !== 0n).map((lr) => Number(lr & 0xffff_ffffn));
    const vgic = this.#vgic(guest.vmid);
    for (const one of [...vgic.of(guest.id).all, ...vgic.shared])
      if (one.active === true && !listed.includes(one.intid)) one.active = undefined;
    this.isDirty = true;
  }
}
