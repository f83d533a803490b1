// The lives of VMs and vCPUs, by what guests ask for (PSCI, DEN0022; VM control of abi/calls.ts): when a vCPU may begin anew, with which registers, and
// that it then does not go on with what it had.

import { Violation } from "../faults.ts";
import { hex } from "../words.ts";
import type { CallRule } from "./cause.ts";
import { type General, PC, PSTATE } from "./general.ts";

/** PSTATE at a start: D, A, I and F masked, EL1 with its own stack pointer. */
const START_PSTATE = 0x3c5n;
const AFFINITY = 0xff_00ff_ffffn;
/** PSCI's answer to a call that was carried out. */
const SUCCESS = 0n;
/** So many calls of CPU_ON may be on their way at once, or have been carried out while the vCPU waits for a CPU: a VM has eight vCPUs. */
const REMEMBERED = 16;

interface Start {
  readonly entry: bigint;
  readonly argument: bigint;
}
/** A call of CPU_ON. */
interface Asked extends Start {
  readonly caller: General;
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
  /** By affinity. */
  readonly vcpus = new Map<bigint, VcpuLife>();

  vcpu(id: bigint): VcpuLife {
    const affinity = id & AFFINITY;
    let found = this.vcpus.get(affinity);
    if (found === undefined) {
      found = new VcpuLife();
      this.vcpus.set(affinity, found);
    }
    return found;
  }
}

class VcpuLife {
  /** The VM's life that it is part of. */
  of = 0;
  /** It made a call that does not return. */
  isOver = true;
  /** What CPU_ON was asked for in its VM's life, and not refused: a call may take until the vCPU has been on and off again. */
  readonly starts: Asked[] = [];
}

/** Who is meant: a vCPU by its VM's VMID and its own VMPIDR_EL2. */
export interface Identity {
  readonly vmid: number;
  readonly mpidr: bigint;
}

/** What there is to know of a vCPU and its VM. */
export interface Life {
  readonly vm: VmLife;
  readonly vcpu: VcpuLife;
}

export class Lives {
  readonly #vms = new Map<number, VmLife>();
  /** A VM begins anew, with its vCPU 0. */
  onStart: (vmid: number) => void = () => undefined;

  #vm(vmid: number): VmLife {
    let found = this.#vms.get(vmid);
    if (found === undefined) {
      found = new VmLife();
      this.#vms.set(vmid, found);
    }
    return found;
  }

  of({ vmid, mpidr }: Identity): Life {
    const vm = this.#vm(vmid);
    return { vm, vcpu: vm.vcpu(mpidr) };
  }

  /** A vCPU makes a call, or has made it (`isMade`); what it asks for may happen at any time between. */
  call(general: General, rule: CallRule, { vm: own, vcpu }: Life, isMade: boolean): void {
    const { was, now, argument } = general;
    if (rule.ends !== undefined) vcpu.isOver = true;
    // The last vCPU that goes off takes its VM with it.
    if (rule.ends !== undefined) own.mayStart = true;
    if (rule.controls || rule.resumes) {
      const vm = this.#vm(argument + 1);
      if (isMade) vm.callers.delete(general);
      else vm.callers.add(general);
      if (rule.controls) vm.mayStart = true;
      else vm.offset = undefined;
    }
    if (rule.starts) {
      const isWide = (was[0]! & (1n << 30n)) !== 0n;
      const [target, entry, context] = [was[1]!, was[2]!, was[3]!].map((value) => (isWide ? value : value & 0xffff_ffffn));
      const { starts } = own.vcpu(target!);
      if (!isMade) {
        starts.push({ entry: entry!, argument: context!, caller: general });
        if (starts.length > REMEMBERED) starts.shift();
      } else if (now[0] !== SUCCESS) {
        const refused = starts.findLastIndex(({ caller }) => caller === general);
        if (refused >= 0) starts.splice(refused, 1);
      }
    }
  }
  /** A VM may have crashed, and starts anew if that is its policy. */
  crash({ vm }: Life): void {
    vm.mayStart = true;
  }

  /** The call of a vCPU that is entered again did not end it after all. */
  callAgain({ vcpu }: Life): void {
    vcpu.isOver = false;
  }

  /** A vCPU is entered on a CPU, and goes on; `isWanted`: an interrupt takes that back at once. */
  goesOn({ record }: General, { vm, vcpu }: Life, cpu: { readonly isWanted: boolean }): void {
    if (vcpu.isOver && !cpu.isWanted)
      throw new Violation(`the vCPU at ${hex(record)} goes on behind a call that does not return`);
    if (vcpu.of !== vm.number) throw new Violation(`the vCPU at ${hex(record)} goes on though its VM has begun anew`);
  }

  /** Whether what the record holds is what a vCPU may start with: everything zero that nobody has asked to be something else (PSCI, 6.4). */
  isStart({ now }: General, { vm, vcpu }: Life, { mpidr }: Identity): boolean {
    if (now[PSTATE] !== START_PSTATE) return false;
    for (let n = 1; n < PC; n++) if (now[n] !== 0n) return false;
    const isWanted = ({ entry, argument }: Start): boolean => entry === now[PC] && argument === now[0];
    if (vcpu.isOver && vcpu.starts.some(isWanted)) return true;
    return (mpidr & AFFINITY) === 0n && (vm.mayStart || vm.callers.size > 0) && (vm.start === undefined || isWanted(vm.start));
  }

  /** What it starts with, and what it might. */
  describe({ now }: General, { vm, vcpu }: Life, { vmid, mpidr }: Identity): string {
    const starts = [...vcpu.starts, ...(vm.start === undefined ? [] : [vm.start])];
    const wanted = starts.map(({ entry, argument }) => `${hex(entry)} (X0 ${hex(argument)})`).join(", ");
    return `at ${hex(now[PC]!)}, X0 ${hex(now[0]!)}, PSTATE ${hex(now[PSTATE]!)}, VMID ${vmid}, vCPU ${mpidr & AFFINITY}${vcpu.isOver ? "" : ", which is on"}; asked for: ${wanted}${vm.mayStart ? ", its VM too" : ""}`;
  }

  /** It starts so on a CPU; `isWanted`: an interrupt takes that back at once, and may be for its VM to begin anew already. */
  starts({ now }: General, { vm, vcpu }: Life, vmid: number, cpu: { readonly isWanted: boolean }): void {
    const isOn = vcpu.isOver && vcpu.starts.some(({ entry, argument }) => entry === now[PC] && argument === now[0]);
    if (!isOn) {
      vm.start ??= { entry: now[PC]!, argument: now[0]! };
      vm.mayStart = cpu.isWanted;
      vm.offset = undefined;
      vm.leastOffset = 0n;
      vm.number++;
      for (const one of vm.vcpus.values()) {
        one.isOver = true;
        one.starts.length = 0;
      }
      this.onStart(vmid);
    }
    vcpu.of = vm.number;
    vcpu.isOver = false;
  }

  /** By how much a VM's count is less than the board's, as it was known last. */
  offsetOf(vmid: number): bigint {
    return this.#vm(vmid).leastOffset;
  }

  /** What a VM's count is taken off the board's: it stays, but for a pause, which makes it larger. */
  checkOffset(vmid: number, { vm }: Life, offset: bigint): void {
    if (vm.offset === undefined || vm.callers.size > 0 ? offset < vm.leastOffset : offset !== vm.offset)
      throw new Violation(`VMID ${vmid} counts from ${offset}, and counted from ${vm.offset ?? vm.leastOffset} before`);
    vm.offset = offset;
    vm.leastOffset = offset;
  }
}
