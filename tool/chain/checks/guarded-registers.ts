// EL2's own translation and vectors are set up once, in boot.S: nothing else writes the registers that say where they are.

import { demangle } from "../symbols.ts";
import type { Machine } from "./machine.ts";
import type { Rule } from "./rule.ts";

const GUARDED = /^(ttbr0_el2|tcr_el2|sctlr_el2|vbar_el2),/;

export const guardedRegisters: Rule<Machine> = {
  name: "guarded-registers",
  check: ({ functions, boot }, report) => {
    for (const { name, instructions } of functions) {
      if (boot.has(name)) continue;
      for (const { mnemonic, operands } of instructions)
        if (mnemonic === "msr" && GUARDED.test(operands))
          report.problem(demangle(name), `\`msr ${operands}\` outside boot.S; EL2's translation does not change after boot`);
    }
  },
};
