// The registers that move when a CPU changes its vCPU, beside EL1's own (bank of sim/context.ts): whose stage 2, identity and count it has, what the guest has
// made of its interrupt interface, the virtual SError that waits for it. Who is entered has what it had when it left its last CPU, or what a start says;
// a register that was not written since another vCPU ran is that one's, whatever it holds.

import { hcr } from "../../abi/sysregs.ts";
import type { Cpu } from "../cpu.ts";
import type { CpuModel } from "../cpu-model.ts";
import { hasRegister } from "../cpu-model.ts";
import { Violation } from "../faults.ts";
import type { Guest } from "../guest.ts";
import type { Register } from "../sysregs.ts";
import { hex } from "../words.ts";
import { SERROR } from "./cause.ts";

/** Whom a CPU serves. */
const identity = ["VTTBR_EL2", "VMPIDR_EL2", "CNTVOFF_EL2"];
const HCR = "HCR_EL2";

const whoOf = ({ vcpu }: Guest): string => `the vCPU at ${hex(vcpu)}`;

/** What a CPU holds, and of whom. */
export class Holding {
  /** The vCPU that was entered here last. */
  holder: Guest | undefined;
  /** Registers that EL2 has written since, and what they held. */
  readonly old = new Map<string, bigint>();
}

export class Moving {
  /** The guest's own side of the virtual CPU interface: masks and active priorities (IHI 0069, 12.4). */
  readonly #interface: readonly string[];
  /** The same of each CPU. */
  readonly #interfaces: readonly (readonly Register[])[];
  readonly #written: readonly string[];
  readonly #hasDisr: boolean;
  readonly #holdings: readonly Holding[];
  /** What a vCPU had when it left its CPU, in the order of `interface`, and whether a virtual SError waited for it. */
  readonly #kept = new Map<Guest, { readonly words: readonly bigint[]; readonly serror: boolean }>();

  constructor(cpus: readonly Cpu[], model: CpuModel, holdings: readonly Holding[]) {
    const words = Array.from({ length: 2 ** (model.priorityBits - 5) }, (_, n) => n);
    this.#interface = ["ICH_VMCR_EL2", ...words.flatMap((n) => [`ICH_AP0R${n}_EL2`, `ICH_AP1R${n}_EL2`])];
    this.#interfaces = cpus.map(({ registers }) => this.#interface.map((name) => registers.at(name)));
    this.#hasDisr = hasRegister(model, "VDISR_EL2");
    this.#written = [...identity, ...this.#interface, ...(this.#hasDisr ? ["VDISR_EL2"] : [])];
    this.#holdings = holdings;
  }

  /** All that is looked at here. */
  get names(): readonly string[] {
    return [...this.#written, HCR];
  }

  /** Remembers what the vCPU that a CPU has had left there. */
  #keep({ index, hcr: controls }: Cpu, { holder, old }: Holding): void {
    if (holder === undefined) return;
    const read = (register: Register): bigint => old.get(register.name) ?? register.read();
    this.#kept.set(holder, { words: this.#interfaces[index]!.map(read), serror: (read(controls) & hcr.HCR_VSE) !== 0n });
  }

  /** A vCPU is entered on a CPU that has written some of these, or had another one; `isStart`: it starts. */
  check(cpus: readonly Cpu[], cpu: Cpu, guest: Guest, isStart: boolean): void {
    const own = this.#holdings[cpu.index]!;
    const { registers } = cpu;
    this.#keep(cpu, own);
    for (let n = 0; n < cpus.length; n++) {
      const other = this.#holdings[n]!;
      if (other === own || other.holder !== guest) continue;
      this.#keep(cpus[n]!, other);
      other.holder = undefined;
    }
    if (own.holder !== guest) {
      const stale = this.#written.find((name) => !own.old.has(name));
      if (stale !== undefined)
        throw new Violation(`${whoOf(guest)} is entered on CPU ${cpu.index} with ${stale} of the one before it`);
      if (this.#hasDisr && registers.read("VDISR_EL2") !== 0n)
        throw new Violation(`${whoOf(guest)} sees VDISR_EL2 of the one before it`);
    }
    const kept = isStart ? undefined : this.#kept.get(guest);
    const interfaces = this.#interfaces[cpu.index]!;
    for (let n = 0; n < interfaces.length; n++) {
      const [now, before] = [interfaces[n]!.read(), kept?.words[n] ?? 0n];
      if (now !== before)
        throw new Violation(`${whoOf(guest)} is entered with ${this.#interface[n]} ${hex(now)}, and had ${hex(before)}`);
    }
    const waits = kept !== undefined && (kept.serror || guest.general.cause.exceptionClass === SERROR);
    if (((cpu.hcr.value & hcr.HCR_VSE) !== 0n) !== waits)
      throw new Violation(
        `${whoOf(guest)} is entered ${waits ? "without the" : "with a"} virtual SError that is ${waits ? "" : "not "}its own`,
      );
    this.#kept.delete(guest);
  }
}
