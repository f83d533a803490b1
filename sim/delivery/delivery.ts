// The interrupt sanitizer: each interrupt of a guest is delivered exactly once, in the order of priorities, however few list registers there are (Arm IHI 0069,
// 4.1 and 12.4). What is pending follows from what guests do; held against it is what the list registers offer whenever nothing is on its way, and what guests
// take. In the second mode, in which exits overlap, it is not looked at.

import { gicIds, ichHcr } from "../../abi/gic.ts";
import type { Cpu } from "../cpu.ts";
import { Violation } from "../faults.ts";
import type { Guest } from "../guest.ts";
import type { Machine } from "../machine.ts";
import type { VirtualInterface } from "../virtual-interrupts.ts";
import { lowest, lowHalf } from "../words.ts";
import { Exits } from "./exits.ts";
import { type Bank, LINES, type VcpuGic, type VmGic, VTIMER, WORDS } from "./interrupts.ts";
import { Offer } from "./offer.ts";

const SPURIOUS = gicIds.INTID_SPURIOUS;

const groupIn = (bank: Bank, n: number): 0 | 1 => (((bank.group >> n) & 1) === 1 ? 1 : 0);

/** The groups that a guest's interface lets through, a bit each. */
const groupsOf = (virtual: VirtualInterface): number => (virtual.isGroupEnabled(0) ? 1 : 0) | (virtual.isGroupEnabled(1) ? 2 : 0);

/** The most urgent of some interrupts, a word for each bank; of those alike, the one with the least INTID. */
const mostUrgent = (gic: VcpuGic, words: Int32Array): { bank: Bank; n: number; priority: number } | undefined => {
  let found: { bank: Bank; n: number; priority: number } | undefined;
  for (let word = 0; word < WORDS; word++) {
    const bank = gic.banks[word]!;
    for (let rest = words[word]!; rest !== 0; rest &= rest - 1) {
      const n = lowest(rest);
      const priority = bank.priorities[n]!;
      if (found === undefined || priority < found.priority) found = { bank, n, priority };
    }
  }
  return found;
};

export class Delivery {
  readonly #machine: Machine;
  readonly #exits: Exits;
  /** What is due to a vCPU, a word for each bank. */
  readonly #due = new Int32Array(WORDS);
  /** Of each CPU. */
  readonly #offers: readonly Offer[];
  /** Something has happened since the list registers were looked at, at that count of the board. */
  #hasChanged = false;
  #lookedAt = 0n;
  /** Where something was ended that EL2 is about to see, and of which VM. */
  readonly #ended = new Map<Bank, VmGic>();
  #wasOff = false;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#exits = new Exits(machine);
    this.#offers = machine.cpus.map(({ virtual }) => new Offer(virtual));
    for (const cpu of machine.cpus) {
      cpu.virtual.watch = {
        listed: () => this.#changedOn(cpu),
        acknowledged: (group, intid, running) => this.#acknowledged(cpu, group, intid, running),
        deactivated: (intid) => this.#deactivated(cpu, intid),
        counted: (intid) => this.#counted(cpu, intid),
      };
    }
  }

  /** In the second mode, and behind it. */
  #isOff(): boolean {
    this.#wasOff ||= this.#machine.run.mode !== undefined;
    return this.#wasOff;
  }

  get isDirty(): boolean {
    return this.#hasChanged || this.#machine.counter.count !== this.#lookedAt;
  }
  /** A CPU has another vCPU than before. */
  changed(): void {
    this.#hasChanged = true;
  }
  /** A CPU has other list registers than before. */
  #changedOn({ index }: Cpu): void {
    this.#hasChanged = true;
    const offer = this.#offers[index]!;
    offer.isStale = true;
    offer.isDue = true;
  }

  /** A VM starts: everything is as at reset, but what others have rung since it could hear them. */
  start(vmid: number): void {
    this.#exits.vm(vmid).reset();
    this.#hasChanged = true;
  }

  /** A vCPU starts: its physical timer is off; what is pending for it stays so. */
  startVcpu(guest: Guest): void {
    this.#exits.of(guest).resetTimer();
  }

  /** The exit of a CPU is over: the answer is in the record of the guest that it had left, if it had. */
  answered({ index, left }: Cpu): void {
    this.#offers[index]!.isDue = true;
    if (left === undefined || this.#isOff() || !this.#exits.answered(left)) return;
    this.#exits.of(left).vm.changes++;
    this.#hasChanged = true;
  }

  // --- what is pending

  /** Puts into `#due` what the vCPU that a CPU holds must be able to take, of what its interface lets through, its masks aside; returns whether there is any. */
  #findDue({ timer, virtual }: Cpu, gic: VcpuGic): boolean {
    const groups = groupsOf(virtual);
    let any = 0;
    for (let n = 0; n < WORDS; n++) {
      const bank = gic.banks[n]!;
      const open = bank.open(gic.vm.groups) & bank.inGroups(groups) & gic.aims[n]! & ~(bank.active | bank.activeUnknown);
      const lines = (open & LINES[n]!) === 0 ? 0 : gic.lines(n, timer);
      any |= this.#due[n] = open & (bank.latch | lines);
    }
    return any !== 0;
  }

  // --- what list registers offer

  /** Nothing is on its way to any CPU. */
  check(): void {
    const { counter, cpus } = this.#machine;
    if (this.#isOff()) return;
    for (const { isInside } of cpus) if (isInside) return;
    const isLater = counter.count !== this.#lookedAt;
    this.#hasChanged = false;
    this.#lookedAt = counter.count;
    if (this.#ended.size > 0) {
      for (const [bank, vm] of this.#ended) {
        bank.deactivate(bank.ended);
        vm.changes++;
      }
      this.#ended.clear();
    }
    for (const cpu of cpus) {
      const offer = this.#offers[cpu.index]!;
      if (!isLater && !offer.isDue && offer.changes === (offer.gic?.vm.changes ?? 0)) continue;
      const idle = cpu.vcpu === 0 ? cpu.context.el1Owner : 0;
      const guest = idle === 0 ? cpu.guest : cpu.guestAt(idle);
      const gic = guest === undefined || guest.vmid === 0 ? undefined : this.#exits.of(guest);
      if (guest !== undefined && gic !== undefined) this.#checkLists(cpu, guest, gic, idle !== 0);
      offer.isDue = false;
      offer.gic = gic;
      offer.changes = gic?.vm.changes ?? 0;
    }
  }

  #wrong(cpu: Cpu, { vcpu, vmid }: Guest, intid: number, what: string): Violation {
    return new Violation(`INTID ${intid} of the vCPU at 0x${vcpu.toString(16)}, VMID ${vmid}, on CPU ${cpu.index}, ${what}`);
  }

  /** What is offered is pending; what is due is offered, as far as there is room, the most urgent first. Who sleeps has nothing that is due. */
  #checkLists(cpu: Cpu, guest: Guest, gic: VcpuGic, isAsleep: boolean): void {
    const offer = this.#offers[cpu.index]!;
    if (cpu.timer.virtualLine) gic.banks[0]!.wasHigh |= VTIMER;
    if (cpu.virtual.used !== 0 || offer.isStale) this.#checkOffer(cpu, guest, gic, offer);
    // What the guest's interface holds back may wait until it does so no more.
    if (!this.#findDue(cpu, gic)) return;
    if (isAsleep) {
      const { bank, n } = mostUrgent(gic, this.#due)!;
      throw this.#wrong(cpu, guest, bank.first + n, "is pending while it sleeps");
    }
    for (let n = 0; n < WORDS; n++) this.#due[n]! &= ~offer.pending[n]!;
    const most = mostUrgent(gic, this.#due);
    if (most !== undefined) this.#checkWaiting(cpu, guest, most, offer.least);
  }

  /** One that no list register has, though it is due. `least`: the priority of the least urgent that one has. */
  #checkWaiting(cpu: Cpu, guest: Guest, { bank, n, priority }: { bank: Bank; n: number; priority: number }, least: number): void {
    const { virtual } = cpu;
    const intid = bank.first + n;
    // What waits comes when at most one list register is in use: those that are have what is more urgent.
    if ((lowHalf(virtual.hcr) & ichHcr.ICH_HCR_UIE) === 0)
      throw this.#wrong(cpu, guest, intid, "is pending, no list register has it, and nothing asks for it");
    if (least > priority) throw this.#wrong(cpu, guest, intid, "waits behind one that is less urgent");
    const running = virtual.runningPriority;
    if (!virtual.lets(priority, groupIn(bank, n), running)) return;
    for (let m = 0; m < virtual.count; m++)
      if (virtual.isPending(m) && virtual.lets(virtual.priorityOf(m), virtual.groupOf(m), running)) return;
    throw this.#wrong(cpu, guest, intid, "would be taken now, and no list register has it");
  }

  #refuse(cpu: Cpu, guest: Guest, bank: Bank, bits: number, what: string): void {
    if (bits !== 0) throw this.#wrong(cpu, guest, bank.first + lowest(bits), what);
  }

  /** The list registers that are in use. */
  #checkOffer(cpu: Cpu, guest: Guest, gic: VcpuGic, offer: Offer): void {
    if (offer.isStale || offer.priorityWrites !== gic.vm.priorityWrites) {
      offer.read();
      this.#checkPriorities(cpu, guest, gic);
      offer.priorityWrites = gic.vm.priorityWrites;
    }
    for (let n = 0; n < WORDS; n++) {
      const [active, pending] = [offer.active[n]!, offer.pending[n]!];
      if ((active | pending) === 0) continue;
      const bank = gic.banks[n]!;
      this.#refuse(
        cpu,
        guest,
        bank,
        active & ~(bank.active | bank.activeUnknown),
        "is active in a list register, and was not taken",
      );
      this.#refuse(cpu, guest, bank, pending & ~bank.open(gic.vm.groups), "is offered, and is disabled");
      this.#refuse(cpu, guest, bank, pending & ~gic.aims[n]!, "is offered, and goes to another vCPU");
      this.#refuse(cpu, guest, bank, pending & ~active & bank.active, "is offered again while it is active");
      this.#refuse(cpu, guest, bank, (active | pending) & (offer.group1[n]! ^ bank.group), "is offered in the other group");
      const low = pending & ~bank.mayBePending;
      if (low !== 0) this.#refuse(cpu, guest, bank, low & ~gic.lines(n, cpu.timer), "is offered, and is not pending");
    }
  }

  #checkPriorities(cpu: Cpu, guest: Guest, gic: VcpuGic): void {
    const { virtual } = cpu;
    for (let rest = virtual.used; rest !== 0; rest &= rest - 1) {
      const n = lowest(rest);
      const intid = virtual.idOf(n);
      const [priority, right] = [virtual.priorityOf(n), gic.banks[intid >> 5]!.priorities[intid & 31]!];
      if (priority !== right) throw this.#wrong(cpu, guest, intid, `is offered at priority ${priority}, and has ${right}`);
    }
  }

  // --- what guests take

  #acknowledged(cpu: Cpu, group: 0 | 1, intid: number, running: number): void {
    const { guest, virtual } = cpu;
    if (guest === undefined || this.#isOff()) return;
    const gic = this.#exits.of(guest);
    // While an interrupt is on its way to the CPU, the list registers may be about to change.
    const isSettled = this.#findDue(cpu, gic) && !cpu.isWanted;
    const first = isSettled ? mostUrgent(gic, this.#due) : undefined;
    if (intid === SPURIOUS) {
      if (first !== undefined && groupIn(first.bank, first.n) === group && virtual.lets(first.priority, group, running))
        throw this.#wrong(cpu, guest, first.bank.first + first.n, "is pending, and is not delivered");
      return;
    }
    const bank = gic.banks[intid >> 5];
    if (bank === undefined) throw new Violation(`a guest takes INTID ${intid}, which does not exist`);
    const bit = 1 << (intid & 31);
    if ((bank.active & bit) !== 0) throw this.#wrong(cpu, guest, intid, "is taken again while it is active");
    if (((bank.mayBePending | gic.lines(bank.word, cpu.timer)) & bit) === 0)
      throw this.#wrong(cpu, guest, intid, "is taken, and is not pending");
    if ((bank.open(gic.vm.groups) & bit) === 0) throw this.#wrong(cpu, guest, intid, "is taken, and is disabled");
    if (first !== undefined && first.priority < bank.priorities[intid & 31]!)
      throw this.#wrong(cpu, guest, intid, `is taken before INTID ${first.bank.first + first.n}, which is more urgent`);
    bank.clearPending(bit);
    bank.activate(bit, gic.id);
    bank.wasHigh &= ~bit;
    gic.vm.changes++;
    this.#changedOn(cpu);
  }

  #deactivated(cpu: Cpu, intid: number): void {
    const { guest } = cpu;
    if (guest !== undefined) {
      const gic = this.#exits.of(guest);
      gic.banks[intid >> 5]?.deactivate(1 << (intid & 31));
      gic.vm.changes++;
    }
    this.#changedOn(cpu);
  }

  /**
   * An end of what no list register has, of which EL2 is told how often it happens. The interrupt that was ended is inactive when EL2 has seen that, if this
   * vCPU has taken it, and it is the most urgent of those; else nobody knows which is.
   */
  #counted({ guest, virtual }: Cpu, intid: number): void {
    if (guest === undefined) return;
    const gic = this.#exits.of(guest);
    for (let n = 0; n < WORDS; n++) this.#due[n] = gic.banks[n]!.endedBy(gic.id);
    for (let list = 0; list < virtual.count; list++) {
      const id = virtual.idOf(list);
      if (virtual.isActive(list)) this.#due[id >> 5]! &= ~(1 << (id & 31));
    }
    const bank = gic.banks[intid >> 5];
    const bit = 1 << (intid & 31);
    const hasTaken = bank !== undefined && (bank.active & bit) !== 0 && bank.takers[intid & 31] === gic.id + 1;
    if (hasTaken && this.#isFirst(gic, bank, intid & 31)) {
      bank.end(bit);
      this.#ended.set(bank, gic.vm);
    } else for (let n = 0; n < WORDS; n++) gic.banks[n]!.forgetActive(this.#due[n]!);
    gic.vm.changes++;
    this.#hasChanged = true;
  }

  /** Whether an interrupt is one of `#due`, and more urgent than all others. */
  #isFirst(gic: VcpuGic, bank: Bank, n: number): boolean {
    const rest = this.#due;
    const { word } = bank;
    const isOne = ((rest[word]! >> n) & 1) === 1;
    rest[word]! &= ~(1 << n);
    const next = mostUrgent(gic, rest);
    if (isOne) rest[word]! |= 1 << n;
    return isOne && (next === undefined || next.priority > bank.priorities[n]!);
  }
}
