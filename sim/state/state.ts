// The state sanitizer: whenever a guest is entered, every register that it can see is its own: what it had when it left its last CPU, as the architecture lets
// the answer to its exit change it, or what a start says. What a plain exit has not touched is not looked at.

import { exceptionClass as ec } from "../../abi/esr.ts";
import type { Cpu } from "../cpu.ts";
import type { CpuModel } from "../cpu-model.ts";
import { Violation } from "../faults.ts";
import type { Guest } from "../guest.ts";
import type { Register } from "../sysregs.ts";
import { hex, lowHalf } from "../words.ts";
import { type Cause, type Change, changeOf, HVC, INSTRUCTION, immediateOf, isKick, ORDINARY, ruleOf, SERROR } from "./cause.ts";
import { Controls, controlNames } from "./controls.ts";
import { exceptionRegisters, isAbort, wrongWith } from "./exception.ts";
import { nameOf, PC } from "./general.ts";
import { type Life, Lives } from "./lives.ts";
import { Holding, Moving } from "./moving.ts";
import { checkRead } from "./reads.ts";
import { ownerOf } from "./token.ts";

type Outcome = "goes on" | "takes an exception" | "starts";

export class State {
  readonly lives = new Lives();
  /** A vCPU starts. */
  onStart: (guest: Guest) => void = () => undefined;
  /** A CPU has another vCPU than before. */
  onSwitch: () => void = () => undefined;
  readonly #cpus: readonly Cpu[];
  readonly #holdings: readonly Holding[];
  readonly #moving: Moving;
  readonly #controls: Controls;
  /** The registers whose writes are to be told of, by name: first those that an exception writes. */
  readonly #places: ReadonlyMap<string, number>;

  constructor(cpus: readonly Cpu[], model: CpuModel) {
    this.#cpus = cpus;
    const names = new Set([...exceptionRegisters, ...Moving.names(model), ...controlNames]);
    this.#places = new Map([...names].map((name, place) => [name, place]));
    this.#holdings = cpus.map(() => new Holding(names.size));
    this.#moving = new Moving(cpus, model, this.#holdings, this.#places);
    this.#controls = new Controls(cpus, this.#places);
  }

  /** The place of a register whose writes are to be told of; undefined: it is none. */
  placeOf(name: string): number | undefined {
    return this.#places.get(name);
  }

  /** EL2 is about to write such a register of a CPU. */
  beforeWrite(index: number, register: Register, place: number): void {
    const { written } = this.#holdings[index]!;
    if (!written.has(place)) written.add(place, register.read());
    if (place >= exceptionRegisters.length) return;
    const cpu = this.#cpus[index]!;
    const owner = cpu.context.el1Owner;
    const guest = owner === 0 ? undefined : cpu.guestAt(owner);
    if (guest !== undefined && !guest.injected.has(place)) guest.injected.add(place, register.read());
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
      if (rule.isOfLives) this.lives.call(general, rule, this.#lifeOf(cpu, guest), false);
    } else if (exceptionClass === ec.EC_IABT_LOWER) this.lives.crash(this.#lifeOf(cpu, guest));
  }

  /** The life of the vCPU that a CPU has, whose record was that of the same one last time, as it nearly always is. */
  #lifeOf({ stage2, vmpidr }: Cpu, guest: Guest): Life {
    const { vmid } = stage2;
    const mpidr = vmpidr.value;
    if (guest.life === undefined || guest.vmid !== vmid || guest.mpidr !== mpidr) {
      guest.vmid = vmid;
      guest.mpidr = mpidr;
      guest.id = lowHalf(mpidr) & 0xff;
      guest.life = this.lives.of(guest);
    }
    return guest.life;
  }

  /** A guest is entered. */
  enter(cpu: Cpu, guest: Guest): void {
    const { general } = guest;
    const own = this.#holdings[cpu.index]!;
    if (own.holder === guest && own.written.count === 0) {
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
    const { rule } = general;
    const life = this.#lifeOf(cpu, guest);
    const outcome = this.#outcome(cpu, guest, life);
    if (outcome === "starts") {
      // A vCPU that controls its own VM, and starts behind that.
      if (rule?.controls) this.lives.call(general, rule, life, true);
      this.lives.starts(general, life, guest.vmid, cpu);
      this.onStart(guest);
    } else {
      if (rule?.isOfLives && rule.ends === undefined) this.lives.call(general, rule, life, true);
      this.lives.goesOn(general, life, cpu);
    }
    cpu.context.checkStart(guest.vcpu, outcome === "starts");
    this.#checkInjected(cpu, guest, outcome);
    if (outcome === "goes on") {
      for (let n = general.firstChanged(0); n < PC; n = general.firstChanged(n + 1)) this.#checkResult(cpu, guest, n);
      checkRead(cpu, guest);
    } else if (outcome === "starts") guest.debugControl = 0n;
    if (own.holder !== guest || own.written.count > 0 || general.cause.exceptionClass === SERROR) {
      this.#controls.check(cpu, own.holder === undefined ? undefined : own.written);
      this.#moving.check(this.#cpus, cpu, guest, outcome === "starts");
      this.lives.checkOffset(guest.vmid, life, cpu.timer.offset);
      if (own.holder !== guest) this.onSwitch();
      own.holder = guest;
      own.written.clear();
    }
    general.enter();
  }

  /** What has become of a vCPU since it left its last CPU. */
  #outcome(cpu: Cpu, guest: Guest, life: Life): Outcome {
    const { general, vcpu, injected } = guest;
    const { cause, rule } = general;
    if (general.isMadeAnew) {
      if (!this.lives.isStart(general, life, guest))
        throw new Violation(
          `the vCPU at ${hex(vcpu)} does not start as a vCPU does: ${this.lives.describe(general, life, guest)}`,
        );
      return "starts";
    }
    const change = changeOf(cause, general.pstate, rule);
    if (rule?.ends !== undefined) {
      // The call is made again, if the VM was paused on the way.
      if (general.firstWrong({ ...change, registers: 0 }, -INSTRUCTION) === undefined) {
        this.lives.callAgain(life);
        return "goes on";
      }
      // Somebody else took its VM down on the way: it is entered, and the interrupt that tells its CPU of that comes before its next instruction.
      if (cpu.isWanted && general.firstWrong(change) === undefined) return "goes on";
    } else if (!change.isRefused && general.firstWrong(change) === undefined) return "goes on";
    // A guest that makes it at its vector may be given an exception that leads to just where it is: EL2 has written EL1 registers then.
    if (isKick(cause) && injected.count === 0 && general.isSameBehind(0)) return "goes on";
    const wrong = wrongWith(general, change, cpu.registers);
    if (wrong === undefined) return "takes an exception";
    throw new Violation(this.#describe(vcpu, general, change, wrong));
  }

  #describe(vcpu: number, general: Guest["general"], change: Change, wrong: string): string {
    const { cause, was, now } = general;
    const why = cause.exceptionClass < 0 ? "an interrupt" : `an exit of class ${hex(cause.exceptionClass)}`;
    const word = general.firstWrong(change);
    const other = word === undefined ? "" : `: ${nameOf(word)} is ${hex(now[word]!)}, and was ${hex(was[word]!)}`;
    const exception = change.exceptionBack === undefined ? "" : `; the exception that it gets ${wrong}`;
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
    if (injected.count === 0) return;
    for (let place = 0; place < exceptionRegisters.length; place++) {
      if (!injected.has(place)) continue;
      const name = exceptionRegisters[place]!;
      const [now, old] = [registers.read(name), injected.old(place)];
      if (outcome === "starts" || now === old) continue;
      const isDue =
        outcome === "takes an exception" && (name !== "FAR_EL1" || (isAbort(general.cause) && now === general.cause.far));
      if (!isDue) throw new Violation(`${name} of the vCPU at ${hex(vcpu)} was ${hex(old)}, and EL2 has made it ${hex(now)}`);
    }
    injected.clear();
  }
}
