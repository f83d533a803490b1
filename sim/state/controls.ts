// What every guest runs under alike: EL2's controls, once they are set at boot, but for the bits that follow from who runs (Arm ARM D24.2).

import { hcr } from "../../abi/sysregs.ts";
import type { Cpu } from "../cpu.ts";
import { extensionControls } from "../cpu-model.ts";
import { Violation } from "../faults.ts";
import { LEFT_BEHIND } from "../sysregs.ts";
import { hex } from "../words.ts";

/** Bits that differ between vCPUs, or from one moment to the next. */
const free: Readonly<Record<string, bigint>> = { HCR_EL2: hcr.HCR_VSE | hcr.HCR_TWI, CPTR_EL2: 1n << 10n };

/** VDISR_EL2 is a guest's own: see moving.ts. */
const names = [
  ...["HCR_EL2", "CPTR_EL2", "MDCR_EL2", "HSTR_EL2", "HACR_EL2", "CNTHCTL_EL2", "VTCR_EL2", "VPIDR_EL2", "MDSCR_EL1"],
  ...Object.keys(extensionControls).filter((name) => name !== "VDISR_EL2"),
];

export const controlNames: ReadonlySet<string> = new Set(names);

export class Controls {
  /** As the first guest was entered under them. */
  #common: ReadonlyMap<string, bigint> | undefined;

  /** A guest is entered on a CPU on which none was before, or some of them were written. */
  check({ index, registers }: Cpu): void {
    const now = new Map(
      names.filter((name) => registers.at(name).exists).map((name) => [name, registers.read(name) & ~(free[name] ?? 0n)]),
    );
    for (const [name, value] of now) {
      if (value === (LEFT_BEHIND & ~(free[name] ?? 0n)))
        throw new Violation(`a guest is entered with ${name} as the loader has left it`);
      const common = this.#common?.get(name) ?? value;
      if (value !== common)
        throw new Violation(`${name} is ${hex(value)} for the guest on CPU ${index}, and ${hex(common)} for others`);
    }
    this.#common ??= now;
  }
}
