// The lives of VMs and vCPUs, by what guests ask for (PSCI, DEN0022; VM control of abi/calls.ts): when a vCPU may begin anew, with which registers, and
// that it then does not go on with what it had.

import { Violation } from "../faults.ts";
import { hex } from "../words.ts";
import type { CallRule } from "./cause.ts";
import { type General, PC, PSTATE } from "./general.ts";

/** PSTATE at a start: D, A, I and F masked, EL1 with its own stack pointer. */
const START_PSTATE = 0x3c5n;
const AFFINITY = 0xff_00ff_ffffn;
/** So many calls of CPU_ON may be on their way at once: a VM has eight vCPUs. */
const REMEMBERED = 16;

interface Start {
  readonly entry: bigint;
  readonly argument: bigint;
}

class VmLife {
  /** Which of its lives this is. */
  number = 0;
  /** Something has been asked for that may make it start anew. */
  mayStart = true;
  /** How its vCPU 0 starts with it. */
  start: Start | undefined;
  /** vCPUs in the middle of calls that control it: what they ask for may still happen. */
  readonly callers = new Set<General>();
  /** CNTVOFF_EL2 of its vCPUs; undefined: of a life that is still to come, or behind a pause. */
  offset: bigint | undefined;
  leastOffset = 0n;
}

class VcpuLife {
  /** The VM's life that it is part of. */
  of = 0;
  /** It made a call that does not return. */
  isOver = true;
  /** What CPU_ON was asked for in its VM's life: a call may take until the vCPU has been on and off again. */
  readonly starts: Start[] = [];
}

export class Lives {
  readonly #vms = new Map<number, VmLife>();
  readonly #vcpus = new Map<string, VcpuLife>();
  /** A VM begins anew, with its vCPU 0. */
  onStart: (vmid: number) => void = () => undefined;

  #vm(vmid: number): VmLife {
    const found = this.#vms.get(vmid) ?? new VmLife();
    this.#vms.set(vmid, found);
    return found;
  }
  #vcpu(vmid: number, id: bigint): VcpuLife {
    const key = `${vmid} ${id & AFFINITY}`;
    const found = this.#vcpus.get(key) ?? new VcpuLife();
    this.#vcpus.set(key, found);
    return found;
  }

  /** A vCPU makes a call, or has made it (`isMade`); what it asks for may happen at any time between. */
  call(general: General, rule: CallRule, vmid: number, id: bigint, isMade: boolean): void {
    const { was, argument } = general;
    if (rule.ends !== undefined) this.#vcpu(vmid, id).isOver = true;
    // The last vCPU that goes off takes its VM with it.
    if (rule.ends !== undefined) this.#vm(vmid).mayStart = true;
    if (rule.controls || rule.resumes) {
      const vm = this.#vm(argument + 1);
      if (isMade) vm.callers.delete(general);
      else vm.callers.add(general);
      if (rule.controls) vm.mayStart = true;
      else vm.offset = undefined;
    }
    if (rule.starts && !isMade) {
      const isWide = (was[0]! & (1n << 30n)) !== 0n;
      const [target, entry, context] = [was[1]!, was[2]!, was[3]!].map((value) => (isWide ? value : value & 0xffff_ffffn));
      const { starts } = this.#vcpu(vmid, target!);
      starts.push({ entry: entry!, argument: context! });
      if (starts.length > REMEMBERED) starts.shift();
    }
  }
  /** A VM may have crashed, and starts anew if that is its policy. */
  crash(vmid: number): void {
    this.#vm(vmid).mayStart = true;
  }

  /** The call of a vCPU that is entered again did not end it after all. */
  callAgain(vmid: number, id: bigint): void {
    this.#vcpu(vmid, id).isOver = false;
  }

  /** A vCPU is entered, and goes on; `isWanted`: an interrupt takes its CPU back at once. */
  goesOn({ record }: General, vmid: number, id: bigint, isWanted: boolean): void {
    const life = this.#vcpu(vmid, id);
    if (life.isOver && !isWanted) throw new Violation(`the vCPU at ${hex(record)} goes on behind a call that does not return`);
    if (life.of !== this.#vm(vmid).number)
      throw new Violation(`the vCPU at ${hex(record)} goes on though its VM, VMID ${vmid}, has begun anew`);
  }

  /** Whether what the record holds is what a vCPU may start with: everything zero that nobody has asked to be something else (PSCI, 6.4). */
  isStart({ now }: General, vmid: number, id: bigint): boolean {
    if (now[PSTATE] !== START_PSTATE) return false;
    for (let n = 1; n < PC; n++) if (now[n] !== 0n) return false;
    const life = this.#vcpu(vmid, id);
    const isWanted = ({ entry, argument }: Start): boolean => entry === now[PC] && argument === now[0];
    if (life.isOver && life.starts.some(isWanted)) return true;
    const vm = this.#vm(vmid);
    return (id & AFFINITY) === 0n && (vm.mayStart || vm.callers.size > 0) && (vm.start === undefined || isWanted(vm.start));
  }

  /** What it starts with, and what it might. */
  describe({ now }: General, vmid: number, id: bigint): string {
    const life = this.#vcpu(vmid, id);
    const vm = this.#vm(vmid);
    const starts = [...life.starts, ...(vm.start === undefined ? [] : [vm.start])];
    const wanted = starts.map(({ entry, argument }) => `${hex(entry)} (X0 ${hex(argument)})`).join(", ");
    return `at ${hex(now[PC]!)}, X0 ${hex(now[0]!)}, PSTATE ${hex(now[PSTATE]!)}, VMID ${vmid}, vCPU ${id & AFFINITY}${life.isOver ? "" : ", which is on"}; asked for: ${wanted}${vm.mayStart ? ", its VM too" : ""}`;
  }

  /** It starts so; `isWanted`: an interrupt takes its CPU back at once, and may be for its VM to begin anew already. */
  starts({ now }: General, vmid: number, id: bigint, isWanted: boolean): void {
    const life = this.#vcpu(vmid, id);
    const vm = this.#vm(vmid);
    const isOn = life.isOver && life.starts.some(({ entry, argument }) => entry === now[PC] && argument === now[0]);
    if (!isOn) {
      vm.start ??= { entry: now[PC]!, argument: now[0]! };
      vm.mayStart = isWanted;
      vm.offset = undefined;
      vm.leastOffset = 0n;
      vm.number++;
      for (const [key, one] of this.#vcpus) {
        if (!key.startsWith(`${vmid} `)) continue;
        one.isOver = true;
        one.starts.length = 0;
      }
      this.onStart(vmid);
    }
    life.of = vm.number;
    life.isOver = false;
  }

  /** By how much a VM's count is less than the board's, as it was known last. */
  offsetOf(vmid: number): bigint {
    return this.#vm(vmid).leastOffset;
  }

  /** What a VM's count is taken off the board's: it stays, but for a pause, which makes it larger. */
  checkOffset(vmid: number, offset: bigint): void {
    const vm = this.#vm(vmid);
    if (vm.offset === undefined || vm.callers.size > 0 ? offset < vm.leastOffset : offset !== vm.offset)
      throw new Violation(`VMID ${vmid} counts from ${offset}, and counted from ${vm.offset ?? vm.leastOffset} before`);
    vm.offset = offset;
    vm.leastOffset = offset;
  }
}
