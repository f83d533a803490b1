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
import { Overwritten } from "./overwritten.ts";

/** Whom a CPU serves. */
const identity = ["VTTBR_EL2", "VMPIDR_EL2", "CNTVOFF_EL2"];
const HCR = "HCR_EL2";

const interfaceOf = ({ priorityBits }: CpuModel): readonly string[] => {
  const words = Array.from({ length: 2 ** (priorityBits - 5) }, (_, n) => n);
  return ["ICH_VMCR_EL2", ...words.flatMap((n) => [`ICH_AP0R${n}_EL2`, `ICH_AP1R${n}_EL2`])];
};
const movingOf = (model: CpuModel): readonly string[] => [
  ...identity,
  ...interfaceOf(model),
  ...(hasRegister(model, "VDISR_EL2") ? ["VDISR_EL2"] : []),
];

const whoOf = ({ vcpu }: Guest): string => `the vCPU at ${hex(vcpu)}`;

/** What a CPU holds, and of whom. */
export class Holding {
  /** The vCPU that was entered here last. */
  holder: Guest | undefined;
  /** Registers that EL2 has written since. */
  readonly written: Overwritten;

  constructor(places: number) {
    this.written = new Overwritten(places);
  }
}

/** What a vCPU had when it left its CPU: of its interface, in the order of names there, and whether a virtual SError waited for it. */
export interface Left {
  readonly words: BigUint64Array;
  serror: boolean;
}

/** A register of a CPU, and its place among those whose writes are watched. */
interface Watched {
  readonly register: Register;
  readonly place: number;
}

export class Moving {
  /** The guest's own side of the virtual CPU interface: masks and active priorities (IHI 0069, 12.4). */
  readonly #interface: readonly string[];
  /** The same of each CPU. */
  readonly #interfaces: readonly (readonly Watched[])[];
  /** All that must be written for whom a CPU has anew. */
  readonly #moving: readonly string[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #hcr: number;
  readonly #hasDisr: boolean;
  readonly #holdings: readonly Holding[];

  /** `places`: those of the names below. */
  constructor(cpus: readonly Cpu[], model: CpuModel, holdings: readonly Holding[], places: ReadonlyMap<string, number>) {
    this.#interface = interfaceOf(model);
    this.#moving = movingOf(model);
    this.#places = places;
    this.#hcr = places.get(HCR)!;
    this.#interfaces = cpus.map(({ registers }) =>
      this.#interface.map((name) => ({ register: registers.at(name), place: places.get(name)! })),
    );
    this.#hasDisr = hasRegister(model, "VDISR_EL2");
    this.#holdings = holdings;
  }

  /** All that is looked at here. */
  static names(model: CpuModel): readonly string[] {
    return [...movingOf(model), HCR];
  }

  /** Remembers what the vCPU that a CPU has had left there. */
  #keep({ index, hcr: controls }: Cpu, { holder, written }: Holding): void {
    if (holder === undefined) return;
    const all = this.#interfaces[index]!;
    holder.left ??= { words: new BigUint64Array(all.length), serror: false };
    const { left } = holder;
    for (let n = 0; n < all.length; n++) {
      const { register, place } = all[n]!;
      left.words[n] = written.has(place) ? written.old(place) : register.read();
    }
    left.serror = ((written.has(this.#hcr) ? written.old(this.#hcr) : controls.read()) & hcr.HCR_VSE) !== 0n;
    holder.hasLeft = true;
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
      const stale = this.#moving.find((name) => !own.written.has(this.#places.get(name)!));
      if (stale !== undefined)
        throw new Violation(`${whoOf(guest)} is entered on CPU ${cpu.index} with ${stale} of the one before it`);
      if (this.#hasDisr && registers.read("VDISR_EL2") !== 0n)
        throw new Violation(`${whoOf(guest)} sees VDISR_EL2 of the one before it`);
    }
    const kept = isStart || !guest.hasLeft ? undefined : guest.left;
    const all = this.#interfaces[cpu.index]!;
    for (let n = 0; n < all.length; n++) {
      const now = all[n]!.register.read();
      const before = kept?.words[n] ?? 0n;
      if (now !== before)
        throw new Violation(`${whoOf(guest)} is entered with ${this.#interface[n]} ${hex(now)}, and had ${hex(before)}`);
    }
    const waits = kept !== undefined && (kept.serror || guest.general.cause.exceptionClass === SERROR);
    if (((cpu.hcr.value & hcr.HCR_VSE) !== 0n) !== waits)
      throw new Violation(
        `${whoOf(guest)} is entered ${waits ? "without the" : "with a"} virtual SError that is ${waits ? "" : "not "}its own`,
      );
    guest.hasLeft = false;
  }
}
