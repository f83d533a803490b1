// The vector registers are the guest's while it is on the CPU: EL2 touches them to save and load them, nowhere else.

import { demangle } from "../symbols.ts";
import type { Machine } from "./machine.ts";
import type { Rule } from "./rule.ts";

const MAY = new Set(["fp_load", "fp_save"]);
const VECTOR = /\b[qvdshb]([0-9]|[12][0-9]|3[01])\b/;

export const vectorRegisters: Rule<Machine> = {
  name: "no-vector-registers",
  check: ({ functions }, report) => {
    for (const { name, instructions } of functions) {
      const found = MAY.has(name) ? undefined : instructions.find(({ operands }) => VECTOR.test(operands));
      if (found)
        report.problem(
          demangle(name),
          `\`${found.mnemonic} ${found.operands}\` touches a vector register; only ${[...MAY].join(" and ")} may (gcc: -mgeneral-regs-only)`,
        );
    }
  },
};
