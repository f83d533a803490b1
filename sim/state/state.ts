// The state sanitizer: whenever a guest is entered, every register that it can see is its own: what it had when it left its last CPU, as the architecture lets
// the answer to its exit change it, or what a start says. What a plain exit has not touched is not looked at.

import { exceptionClass as ec } from "../../abi/esr.ts";
import type { Cpu } from "../cpu.ts";
import type { CpuModel } from "../cpu-model.ts";
import { Violation } from "../faults.ts";
import type { Guest } from "../guest.ts";
import { hex } from "../words.ts";
import { type Cause, changeOf, HVC, immediateOf, ORDINARY, ruleOf, SERROR } from "./cause.ts";
import { Controls, controlNames } from "./controls.ts";
import { exceptionRegisters, isAbort, wrongWith } from "./exception.ts";
import { nameOf, PC } from "./general.ts";
import { Lives } from "./lives.ts";
import { Holding, Moving } from "./moving.ts";
import { checkRead } from "./reads.ts";
import { ownerOf } from "./token.ts";

type Outcome = "goes on" | "takes an exception" | "starts";

const VMPIDR = "VMPIDR_EL2";

export class State {
  readonly lives = new Lives();
  /** A vCPU starts. */
  onStart: (guest: Guest) => void = () => undefined;
  /** A CPU has another vCPU than before. */
  onSwitch: () => void = () => undefined;
  readonly #cpus: readonly Cpu[];
  readonly #holdings: readonly Holding[];
  readonly #moving: Moving;
  readonly #controls = new Controls();
  readonly #watched: ReadonlySet<string>;

  constructor(cpus: readonly Cpu[], model: CpuModel) {
    this.#cpus = cpus;
    this.#holdings = cpus.map(() => new Holding());
    this.#moving = new Moving(model, this.#holdings);
    this.#watched = new Set([...this.#moving.names, ...controlNames, ...exceptionRegisters]);
  }

  /** Whether writes of a register are to be told of. */
  isWatched(name: string): boolean {
    return this.#watched.has(name);
  }

  /** EL2 is about to write such a register of a CPU. */
  beforeWrite(index: number, name: string): void {
    const cpu = this.#cpus[index]!;
    const { old } = this.#holdings[index]!;
    if (!old.has(name)) old.set(name, cpu.registers.read(name));
    if (!exceptionRegisters.has(name)) return;
    const owner = cpu.context.el1Owner;
    const guest = owner === 0 ? undefined : cpu.guestAt(owner);
    if (guest !== undefined && !guest.injected.has(name)) guest.injected.set(name, cpu.registers.read(name));
  }

  /** A guest leaves its CPU. */
  leave(cpu: Cpu, guest: Guest, cause: Cause): void {
    const { general } = guest;
    general.leave(cause);
    general.rule = undefined;
    const { exceptionClass } = cause;
    if ((exceptionClass === HVC || exceptionClass === ec.EC_SMC64) && immediateOf(cause.esr) === 0) {
      const rule = ruleOf(general.function, () => general.was[1]!);
      general.rule = rule;
      if (rule.isOfLives) this.#call(cpu, guest, false);
    } else if (exceptionClass === ec.EC_IABT_LOWER) this.lives.crash(cpu.stage2.vmid);
  }

  #call(cpu: Cpu, { general }: Guest, isMade: boolean): void {
    if (general.rule !== undefined) this.lives.call(general, general.rule, cpu.stage2.vmid, cpu.registers.read(VMPIDR), isMade);
  }

  /** A guest is entered. */
  enter(cpu: Cpu, guest: Guest): void {
    const { general } = guest;
    const own = this.#holdings[cpu.index]!;
    if (own.holder === guest && own.old.size === 0) {
      const { exceptionClass } = general.cause;
      if (exceptionClass < 0 && general.isSameBehind(0)) return;
      if (exceptionClass === HVC && general.rule === ORDINARY && general.isSameBehind(1)) {
        this.#checkResult(cpu, guest, 0);
        general.enterWithX0();
        return;
      }
    }
    this.#examine(cpu, guest, own);
  }

  #examine(cpu: Cpu, guest: Guest, own: Holding): void {
    const { general } = guest;
    const vmid = cpu.stage2.vmid;
    const id = cpu.registers.read(VMPIDR);
    guest.vmid = vmid;
    guest.id = Number(id & 0xffn);
    const outcome = this.#outcome(cpu, guest, vmid, id);
    if (outcome === "starts") {
      // A vCPU that controls its own VM, and starts behind that.
      if (general.rule?.controls) this.#call(cpu, guest, true);
      this.lives.starts(general, vmid, id, cpu.isWanted);
      this.onStart(guest);
    } else {
      if (general.rule?.isOfLives && general.rule.ends === undefined) this.#call(cpu, guest, true);
      this.lives.goesOn(general, vmid, id, cpu.isWanted);
    }
    cpu.context.checkStart(guest.vcpu, outcome === "starts");
    this.#checkInjected(cpu, guest, outcome);
    if (outcome === "goes on") {
      for (let n = 0; n < PC; n++) if (general.now[n] !== general.was[n]) this.#checkResult(cpu, guest, n);
      checkRead(cpu, guest);
    } else if (outcome === "starts") guest.debugControl = 0n;
    if (own.holder !== guest || own.old.size > 0 || general.cause.exceptionClass === SERROR) {
      if (own.holder === undefined || [...own.old.keys()].some((name) => controlNames.has(name))) this.#controls.check(cpu);
      this.#moving.check(this.#cpus, cpu, guest, outcome === "starts");
      this.lives.checkOffset(vmid, cpu.timer.offset);
      if (own.holder !== guest) this.onSwitch();
      own.holder = guest;
      own.old.clear();
    }
    general.enter();
  }

  /** What has become of a vCPU since it left its last CPU. */
  #outcome(cpu: Cpu, { general, vcpu }: Guest, vmid: number, id: bigint): Outcome {
    const { was, cause, rule } = general;
    if (general.isMadeAnew) {
      if (!this.lives.isStart(general, vmid, id))
        throw new Violation(`the vCPU at ${hex(vcpu)} does not start as a vCPU does: ${this.lives.describe(general, vmid, id)}`);
      return "starts";
    }
    const change = changeOf(cause, was[PC]!, was[PC + 1]!, rule);
    if (rule?.ends !== undefined) {
      // The call is made again, if the VM was paused on the way.
      if (general.firstWrong(0, change.pc - 4n, change.pstate) === undefined) {
        this.lives.callAgain(vmid, id);
        return "goes on";
      }
      // Somebody else took its VM down on the way: it is entered, and the interrupt that tells its CPU of that comes before its next instruction.
      if (cpu.isWanted && general.firstWrong(change.registers, change.pc, change.pstate) === undefined) return "goes on";
    } else if (change.exception?.only !== true && general.firstWrong(change.registers, change.pc, change.pstate) === undefined)
      return "goes on";
    const wrong = wrongWith(general, change, cpu.registers);
    if (wrong === undefined) return "takes an exception";
    throw new Violation(this.#describe(vcpu, general, change, wrong));
  }

  #describe(vcpu: number, general: Guest["general"], change: ReturnType<typeof changeOf>, wrong: string): string {
    const { cause, was, now } = general;
    const why = cause.exceptionClass < 0 ? "an interrupt" : `an exit of class ${hex(cause.exceptionClass)}`;
    const word = general.firstWrong(change.registers, change.pc, change.pstate);
    const other = word === undefined ? "" : `: ${nameOf(word)} is ${hex(now[word]!)}, and was ${hex(was[word]!)}`;
    const exception = change.exception === undefined ? "" : `; the exception that it gets ${wrong}`;
    return `the vCPU at ${hex(vcpu)} is not what it was behind ${why}${other}${exception}`;
  }

  /** What EL2 has put into a register, if it was any of its business. */
  #checkResult({ stage2 }: Cpu, { general, vcpu }: Guest, register: number): void {
    const owner = ownerOf(general.now[register]!);
    if (owner !== undefined && owner !== stage2.vmid)
      throw new Violation(`X${register} of the vCPU at ${hex(vcpu)}, VMID ${stage2.vmid}, holds a value of VMID ${owner}`);
  }

  /** EL1 registers that EL2 has written are those of the exception that the vCPU takes. */
  #checkInjected({ registers }: Cpu, { general, injected, vcpu }: Guest, outcome: Outcome): void {
    if (injected.size === 0) return;
    for (const [name, old] of injected) {
      const now = registers.read(name);
      if (outcome === "starts" || now === old) continue;
      const isDue =
        outcome === "takes an exception" && (name !== "FAR_EL1" || (isAbort(general.cause) && now === general.cause.far));
      if (!isDue) throw new Violation(`${name} of the vCPU at ${hex(vcpu)} was ${hex(old)}, and EL2 has made it ${hex(now)}`);
    }
    injected.clear();
  }
}
