// What every guest runs under alike: EL2's controls, once they are set at boot, but for the bits that follow from who runs (Arm ARM D24.2).

import { hcr } from "../../abi/sysregs.ts";
import type { Cpu } from "../cpu.ts";
import { extensionControls } from "../cpu-model.ts";
import { Violation } from "../faults.ts";
import { LEFT_BEHIND, type Register } from "../sysregs.ts";
import { hex, MASK_64 } from "../words.ts";
import type { Overwritten } from "./overwritten.ts";

/** Bits that differ between vCPUs, or from one moment to the next. */
const free: Readonly<Record<string, bigint>> = { HCR_EL2: hcr.HCR_VSE | hcr.HCR_TWI, CPTR_EL2: 1n << 10n };

/** VDISR_EL2 is a guest's own: see moving.ts. */
const names = [
  ...["HCR_EL2", "CPTR_EL2", "MDCR_EL2", "HSTR_EL2", "HACR_EL2", "CNTHCTL_EL2", "VTCR_EL2", "VPIDR_EL2", "MDSCR_EL1"],
  ...Object.keys(extensionControls).filter((name) => name !== "VDISR_EL2"),
];

export const controlNames: readonly string[] = names;

/** A control of a CPU. */
interface Control {
  readonly register: Register;
  /** Its place among the registers whose writes are watched. */
  readonly place: number;
  /** The bits that must be alike. */
  readonly mask: bigint;
}

export class Controls {
  /** Those of each CPU that exist. */
  readonly #controls: readonly (readonly Control[])[];
  /** As the first guest was entered under them. */
  #common: readonly bigint[] | undefined;

  /** `places`: of the names above. */
  constructor(cpus: readonly Cpu[], places: ReadonlyMap<string, number>) {
    this.#controls = cpus.map(({ registers }) =>
      names
        .map((name) => ({ register: registers.at(name), place: places.get(name)!, mask: MASK_64 & ~(free[name] ?? 0n) }))
        .filter(({ register }) => register.exists),
    );
  }

  /** A guest is entered on a CPU; `written`: what was written since another one was, if another one was. */
  check({ index }: Cpu, written: Overwritten | undefined): void {
    const controls = this.#controls[index]!;
    this.#common ??= controls.map(({ register, mask }) => register.read() & mask);
    for (let n = 0; n < controls.length; n++) {
      const { register, place, mask } = controls[n]!;
      if (written?.has(place) === false) continue;
      const value = register.read() & mask;
      const common = this.#common[n]!;
      if (value === (LEFT_BEHIND & mask))
        throw new Violation(`a guest is entered with ${register.name} as the loader has left it`);
      if (value !== common)
        throw new Violation(`${register.name} is ${hex(value)} for the guest on CPU ${index}, and ${hex(common)} for others`);
    }
  }
}
