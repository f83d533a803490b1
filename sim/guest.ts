// A vCPU's guest as a script of events. Each method does what an instruction would: where the CPU would trap to EL2, the syndrome is composed as the
// Arm ARM says (D24.2.40), the vCPU's record is filled as metal/vectors.S does, the core is called, and the result is entered as `enter_vcpu` does.
// In the second mode (interleaved.ts) a method begins the exit alone: what the core answers is in the registers when the guest runs again.

import { exceptionClass } from "../abi/esr.ts";
import { offsets, records } from "../abi/records.ts";
import { hcr } from "../abi/sysregs.ts";
import type { Cpu } from "./cpu.ts";
import type { VcpuGic } from "./delivery/interrupts.ts";
import type { Machine } from "./machine.ts";
import type { Call } from "./run.ts";
import { type Cause, classOf, INTERRUPT, SERROR } from "./state/cause.ts";
import { exceptionRegisters } from "./state/exception.ts";
import { General } from "./state/general.ts";
import type { Life } from "./state/lives.ts";
import type { Left } from "./state/moving.ts";
import { Overwritten } from "./state/overwritten.ts";
import { type Fault, faultStatus, type Leaf, stage2Leaves, walkStage2 } from "./walker.ts";
import { hex, lowHalf, MASK_64, wordOf } from "./words.ts";

export const frame = offsets(records.VcpuFrame ?? { doc: "", fields: [] }).fields;
const at = (field: string): number => {
  const offset = frame[field];
  if (offset === undefined) throw new Error(`VcpuFrame has no field ${field}`);
  return offset;
};

const [X, ELR, SPSR] = [at("x"), at("elr"), at("spsr")];

/** Values of SPSR_EL2.M, one bit each: EL0, EL1 with either stack pointer, EL0 in AArch32. */
const GUEST_MODES = (1 << 0x0) | (1 << 0x4) | (1 << 0x5) | (1 << 0x10);

/** Exception classes (D24.2.40). */
export const ec = { WFX: 0x01, HVC: 0x16, SMC: 0x17, SYSREG: 0x18, FETCH: 0x20, DATA: 0x24, FP: 0x07 };
const IL = 1 << 25;
const XZR = 31;
/** ISS.SAS by bytes. */
const SIZES = { 1: 0, 2: 1, 4: 2, 8: 3 };

export interface Access {
  /** 1, 2, 4 or 8. */
  readonly bytes?: 1 | 2 | 4 | 8;
  /** Sign-extending load. */
  readonly signed?: boolean;
  /** The register is an X; by default for 8 bytes alone. */
  readonly wide?: boolean;
  /** The register; 31 is XZR. */
  readonly rt?: number;
  /** No valid syndrome: a pair, write-back, SIMD or atomic instruction. */
  readonly noSyndrome?: boolean;
}

export class Guest {
  readonly machine: Machine;
  /** Its record. */
  readonly vcpu: number;
  /** The CPU that it was found on last. */
  #last: Cpu | undefined;
  /** What it knows of its general registers. */
  readonly general: General;
  /** EL1 registers that EL2 has written since it left its CPU. */
  readonly injected = new Overwritten(exceptionRegisters.length);
  /** Its VM's VMID, its VMPIDR_EL2 and which of the VM's vCPUs that is, once it has been entered. */
  vmid = 0;
  mpidr = 0n;
  id = 0;
  /** What there is to know of it and its VM. */
  life: Life | undefined;
  /** What it had of its interrupt interface when it left a CPU, and whether that is how it still is. */
  left: Left | undefined;
  hasLeft = false;
  /** What it has made of its GIC (delivery/), once that has been asked for. */
  gic: VcpuGic | undefined;
  /** MDSCR_EL1, which EL2 keeps for it. */
  debugControl = 0n;
  readonly #cause: Cause = { ...INTERRUPT };

  constructor(machine: Machine, vcpu: number) {
    this.machine = machine;
    this.vcpu = vcpu;
    this.general = new General(vcpu, machine.memory.buffer as ArrayBuffer);
  }

  /** The CPU that it is on; undefined while it waits. */
  get where(): Cpu | undefined {
    if (this.#last?.vcpu !== this.vcpu) this.#last = this.machine.cpus.find(({ vcpu }) => vcpu === this.vcpu);
    return this.#last;
  }
  /** The CPU that it is on: only there can it do anything. */
  get cpu(): Cpu {
    const found = this.where;
    if (found === undefined) throw new Error(`the vCPU at ${hex(this.vcpu)} is on no CPU`);
    return found;
  }

  // --- registers

  #read(offset: number): bigint {
    return this.machine.view.getBigUint64(this.vcpu + offset, true);
  }
  #write(offset: number, value: bigint): void {
    const word = value & MASK_64;
    this.machine.view.setBigUint64(this.vcpu + offset, word, true);
    this.general.write(offset / 8, word);
  }
  x(n: number): bigint {
    return n === XZR ? 0n : this.#read(X + 8 * n);
  }
  setX(n: number, value: bigint): void {
    if (n !== XZR) this.#write(X + 8 * n, value);
  }
  get pc(): bigint {
    return this.#read(ELR);
  }
  set pc(value: bigint) {
    this.#write(ELR, value);
  }
  get pstate(): bigint {
    return this.#read(SPSR);
  }
  set pstate(value: bigint) {
    this.#write(SPSR, value);
  }
  /** SPSR_EL2.M names a mode that is a guest's; from any other the exception return leads to EL2 or above, or is an illegal one, which stays there. */
  get isInGuestMode(): boolean {
    return ((GUEST_MODES >>> (this.machine.view.getUint32(this.vcpu + SPSR, true) & 31)) & 1) === 1;
  }
  /** A register of the guest's EL1 or EL0, as the CPU holds it. */
  sysreg(name: string): bigint {
    return this.cpu.registers.read(name);
  }
  setSysreg(name: string, value: bigint): void {
    this.cpu.registers.write(name, value);
  }

  // --- exits

  #exit(why: number, esr: number, call: Call): void {
    const { cpu } = this;
    const cause = this.#cause;
    cause.exceptionClass = why;
    cause.esr = esr;
    cpu.cause = cause;
    this.machine.run.exit(cpu, call);
  }

  #trap(low: number, esr: bigint, far: bigint, hpfar: bigint): void {
    const { cpu } = this;
    cpu.far.write(far);
    cpu.hpfar.write(hpfar);
    this.#cause.far = far;
    this.#cause.hpfar = hpfar;
    this.#exit(classOf(low), low, (core) => core.onSync(this.vcpu, esr));
  }
  /** A synchronous exception with any syndrome, to its end; what other CPUs, or interrupts, have to do with it is still to come. */
  trap(esr: bigint, { far = 0n, hpfar = 0n }: { far?: bigint; hpfar?: bigint } = {}): void {
    this.#trap(lowHalf(esr), esr, far, hpfar);
  }

  /** The same, and what follows from it. */
  sync(esr: bigint, addresses: { far?: bigint; hpfar?: bigint } = {}): void {
    this.trap(esr, addresses);
    this.machine.run.proceed();
  }

  /** The exception of class `ec` with its instruction-specific syndrome; IL is set, as for every 32-bit instruction. */
  exception(ec: number, iss: bigint, addresses: { far?: bigint; hpfar?: bigint } = {}): void {
    this.#except(ec, lowHalf(iss), addresses.far, addresses.hpfar);
  }
  #except(ec: number, iss: number, far = 0n, hpfar = 0n): void {
    const esr = ((ec << 26) | IL | iss) >>> 0;
    this.#trap(esr, wordOf(esr), far, hpfar);
    this.machine.run.proceed();
  }

  serror(iss = 0n): void {
    const esr = (BigInt(exceptionClass.EC_SERROR) << 26n) | BigInt(IL) | iss;
    this.#exit(SERROR, Number(esr), (core) => core.onSError(this.vcpu, esr));
    this.machine.run.proceed();
  }

  /** Time passes while the guest computes; interrupts come. */
  spin(ticks: bigint): void {
    this.machine.counter.count += ticks;
    this.machine.run.proceed();
  }
  /** Nothing but what is pending already. */
  poll(): void {
    this.machine.run.proceed();
  }

  #setArguments(args: readonly bigint[]): void {
    for (let n = 0; n < args.length; n++) this.setX(n, args[n]!);
  }

  /** HVC: the exception comes behind the instruction. Returns x0. */
  hvc(...args: bigint[]): bigint {
    this.#setArguments(args);
    this.pc += 4n;
    this.exception(ec.HVC, 0n);
    return this.x(0);
  }
  /** SMC: trapped, so the exception is at the instruction (HCR_EL2.TSC). */
  smc(...args: bigint[]): bigint {
    this.#setArguments(args);
    this.exception(ec.SMC, 0n);
    return this.x(0);
  }

  /** WFI: traps if HCR_EL2.TWI says so (then whether it is still on its CPU is the scheduler's to say); else it waits where it is. */
  wfi(): void {
    if ((this.sysreg("HCR_EL2") & hcr.HCR_TWI) !== 0n) this.exception(ec.WFX, 0n);
  }

  /** MRS or MSR of a register that traps. `encoding`: op0, op1, CRn, CRm, op2. */
  systemRegister(encoding: readonly number[], rt: number, read: boolean): void {
    const [op0 = 0, op1 = 0, crn = 0, crm = 0, op2 = 0] = encoding;
    const iss = (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (rt << 5) | (crm << 1) | (read ? 1 : 0);
    this.#except(ec.SYSREG, iss);
  }
  mrs(encoding: readonly number[], rt = 0): bigint {
    this.systemRegister(encoding, rt, true);
    return this.x(rt);
  }
  msr(encoding: readonly number[], value: bigint, rt = 0): void {
    this.setX(rt, value);
    this.systemRegister(encoding, rt, false);
  }

  // --- memory; the guest's own MMU is off, so that virtual addresses are IPAs

  /** What stage 2 says of an IPA, by the independent walker. */
  translate(ipa: number): Leaf | Fault {
    const { vtcr, vttbr } = this.cpu;
    return walkStage2(vtcr.value, vttbr.value, ipa, this.machine.ram.read64);
  }
  /** Where an access goes: through what the CPU's TLB holds. */
  #go(ipa: number): Leaf | Fault {
    const { index, stage2 } = this.cpu;
    return this.machine.order.translations.find(index, stage2, ipa, this);
  }
  /** What it reaches through a leaf is its own. */
  requireOwn(leaf: Leaf): void {
    this.machine.isolation.requireOwn(this.cpu.stage2.root, leaf);
  }
  /** Everything that the guest can reach. */
  get leaves(): Leaf[] {
    return stage2Leaves(this.sysreg("VTCR_EL2"), this.sysreg("VTTBR_EL2"), this.machine.ram.read64);
  }

  /** HPFAR_EL2 of an IPA: its page in bits 43-4 (D24.2.60). */
  static hpfar(ipa: number): bigint {
    return wordOf(Math.floor(ipa / 4096) * 16);
  }

  #abort(ipa: number, fault: Fault, write: boolean, access: Access): void {
    const { bytes = 4, signed = false, rt = 0, noSyndrome = false } = access;
    const wide = access.wide ?? bytes === 8;
    const valid = noSyndrome ? 0 : (1 << 24) | (SIZES[bytes] << 22) | (Number(signed) << 21) | (rt << 16) | (Number(wide) << 15);
    const iss = valid | (Number(write) << 6) | faultStatus(fault);
    // HPFAR_EL2 is UNKNOWN for a permission fault that is not on a walk: something that would be noticed.
    const hpfar = fault.fault === "permission" ? 0xff_ffff_fff0n : Guest.hpfar(ipa);
    this.#except(ec.DATA, iss, wordOf(ipa), hpfar);
  }

  /** A load. Returns the register afterwards, of a mapped address the value. */
  load(ipa: number, access: Access = {}): bigint {
    const { bytes = 4, rt = 0 } = access;
    const found = this.#go(ipa);
    if ("fault" in found) this.#abort(ipa, found, false, access);
    else if (found.read) this.setX(rt, this.machine.ram.read(found.output + (ipa - found.input), bytes));
    else this.#abort(ipa, { fault: "permission", level: found.level }, false, access);
    return this.x(rt);
  }

  /** A store of a register, x0 unless `rt` says otherwise. */
  store(ipa: number, value: bigint, access: Access = {}): void {
    const { bytes = 4, rt = 0 } = access;
    this.setX(rt, value);
    const found = this.#go(ipa);
    if ("fault" in found) this.#abort(ipa, found, true, access);
    else if (found.write)
      this.machine.ram.write(found.output + (ipa - found.input), bytes, BigInt.asUintN(8 * bytes, this.x(rt)));
    else this.#abort(ipa, { fault: "permission", level: found.level }, true, access);
  }

  /** A jump to an IPA; true if it can be executed there. */
  fetch(ipa: number): boolean {
    const found = this.#go(ipa);
    this.pc = BigInt(ipa);
    if (!("fault" in found) && found.execute) return true;
    const fault: Fault = "fault" in found ? found : { fault: "permission", level: found.level };
    this.exception(ec.FETCH, BigInt(faultStatus(fault)), { far: BigInt(ipa), hpfar: Guest.hpfar(ipa) });
    return false;
  }

  /** Bytes of the guest's memory, as it would read them. */
  memory(ipa: number, bytes: number): Uint8Array {
    const result = new Uint8Array(bytes);
    for (let done = 0; done < bytes; ) {
      const found = this.translate(ipa + done);
      if ("fault" in found) throw new Error(`the guest has no memory at ${hex(ipa + done)}`);
      const inside = ipa + done - found.input;
      const length = Math.min(bytes - done, found.size - inside);
      result.set(this.machine.ram.readBytes(found.output + inside, length), done);
      done += length;
    }
    return result;
  }

  // --- interrupts, by the CPU interface

  /** Sets the interface up as Linux does: group 1 on, every priority let through. */
  openInterrupts(): void {
    this.cpu.virtual.priorityMask = 0xf0;
    this.cpu.virtual.enableGroup(1, true);
  }
  /** Whether an interrupt would be taken if PSTATE.I were clear. */
  get isSignalled(): boolean {
    return this.cpu.virtual.signals(1);
  }
  /** Acknowledges; 1023 if there is none. */
  acknowledge(): number {
    return this.cpu.virtual.acknowledge(1);
  }
  /** Ends an interrupt; what that brings about comes at once. */
  end(intid: number): void {
    this.cpu.virtual.end(1, intid);
    this.machine.run.proceed();
  }

  /** Uses a vector register: traps while CPTR_EL2.TFP is set. */
  useFp(): void {
    if (!this.cpu.isFpOpen) this.exception(ec.FP, 0x1e0_0000n & 0x1ff_ffffn);
  }
}
