// What every guest runs under alike: EL2's controls, once they are set at boot, but for the bits that follow from who runs (Arm ARM D24.2).

import { hcr } from "../../abi/sysregs.ts";
import type { Cpu } from "../cpu.ts";
import { extensionControls } from "../cpu-model.ts";
import { Violation } from "../faults.ts";
import { LEFT_BEHIND, type Register } from "../sysregs.ts";
import { hex } from "../words.ts";

/** Bits that differ between vCPUs, or from one moment to the next. */
const free: Readonly<Record<string, bigint>> = { HCR_EL2: hcr.HCR_VSE | hcr.HCR_TWI, CPTR_EL2: 1n << 10n };

/** VDISR_EL2 is a guest's own: see moving.ts. */
const names = [
  ...["HCR_EL2", "CPTR_EL2", "MDCR_EL2", "HSTR_EL2", "HACR_EL2", "CNTHCTL_EL2", "VTCR_EL2", "VPIDR_EL2", "MDSCR_EL1"],
  ...Object.keys(extensionControls).filter((name) => name !== "VDISR_EL2"),
];

/** What must be alike. */
const heldIn = (register: Register): bigint => {
  const different = free[register.name];
  return different === undefined ? register.read() : register.read() & ~different;
};

export const controlNames: ReadonlySet<string> = new Set(names);

export class Controls {
  /** Those of each CPU that exist. */
  readonly #registers: readonly (readonly Register[])[];
  /** As the first guest was entered under them. */
  #common: readonly bigint[] | undefined;

  constructor(cpus: readonly Cpu[]) {
    this.#registers = cpus.map(({ registers }) => names.map((name) => registers.at(name)).filter(({ exists }) => exists));
  }

  /** A guest is entered on a CPU on which none was before, or some of them were written. */
  check({ index }: Cpu): void {
    const registers = this.#registers[index]!;
    this.#common ??= registers.map(heldIn);
    for (let n = 0; n < registers.length; n++) {
      const register = registers[n]!;
      const { name } = register;
      const [value, common] = [heldIn(register), this.#common[n]!];
      if (value === (LEFT_BEHIND & ~(free[name] ?? 0n)))
        throw new Violation(`a guest is entered with ${name} as the loader has left it`);
      if (value !== common)
        throw new Violation(`${name} is ${hex(value)} for the guest on CPU ${index}, and ${hex(common)} for others`);
    }
  }
}
