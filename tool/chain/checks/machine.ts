// The machine code that the rules on it look at.

import type { MachineFunction } from "../disassembly.ts";

export interface Machine {
  /** All of the image, in order. */
  readonly functions: readonly MachineFunction[];
  /** The names of those that gcc made from C. */
  readonly compiled: ReadonlySet<string>;
  /** The names of those in boot.S, which alone sets up the translation of EL2. */
  readonly boot: ReadonlySet<string>;
  /** What -fstack-usage wrote. */
  readonly stackUsage: string;
  /** How deep functions call themselves, by their names in the module. */
  readonly bounds: ReadonlyMap<string, number>;
}
