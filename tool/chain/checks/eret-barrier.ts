// No CPU runs ahead past an ERET with what EL2, or EL3, had in its registers: a barrier against speculation lies behind each (Arm ARM, SB; before
// FEAT_SB it is DSB and ISB, which end straight-line speculation).

import { demangle } from "../symbols.ts";
import type { Machine } from "./machine.ts";
import type { Rule } from "./rule.ts";

export const eretBarrier: Rule<Pick<Machine, "functions">> = {
  name: "eret-barrier",
  check: ({ functions }, report) => {
    // What lies behind the last instruction of one function is the first of the next.
    const all = functions.flatMap(({ name, instructions }) => instructions.map((instruction) => ({ name, instruction })));
    let found = 0;
    for (const [n, { name, instruction }] of all.entries()) {
      if (!/^eret/.test(instruction.mnemonic)) continue;
      found++;
      const [first, second] = all.slice(n + 1, n + 3).map((one) => one.instruction);
      const isBarrier = first?.mnemonic === "sb" || (first?.mnemonic === "dsb" && second?.mnemonic === "isb");
      if (!isBarrier) report.problem(demangle(name), "an ERET that no barrier follows; write `dsb nsh` and `isb` behind it");
    }
    report.figure(`ERET: ${found}`);
  },
};
