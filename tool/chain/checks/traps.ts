// A trap of the module and a refusal of the HAL are a BRK with a number of ours, which the vector for exceptions from EL2 itself reports. Any other
// is gcc's, at a place where it has found undefined behaviour; and where it has dropped the end of a function, the next one would run.

import { isBranch, isEnd, type MachineFunction } from "../disassembly.ts";
import { demangle } from "../symbols.ts";
import type { Machine } from "./machine.ts";
import type { Rule } from "./rule.ts";

/** wasm_rt_trap; refusals of metal/hal.h; refusals of metal/vectors.S. */
const OURS = /^#0x(100|20[0-9a-f]|220)$/;

/** Padding at the end of a function is of zeros. */
const isPadding = (mnemonic: string, operands: string): boolean =>
  mnemonic === "nop" || (mnemonic === "udf" && operands === "#0");

/** The functions that give control back to their callers: they return, or go on in one that does. */
function returning(functions: readonly MachineFunction[]): Set<string> {
  const found = new Set(
    functions.filter(({ instructions }) => instructions.some(({ mnemonic }) => mnemonic === "ret")).map(({ name }) => name),
  );
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const { name, instructions } of functions)
      if (instructions.some((one) => isBranch(one) && one.target?.name !== name && found.has(one.target?.name ?? "")))
        found.add(name);
  }
  return found;
}

export const traps: Rule<Machine> = {
  name: "traps",
  check: ({ functions, compiled }, report) => {
    const returns = returning(functions);
    for (const { name, instructions: all } of functions) {
      const instructions = all.slice(0, all.findLastIndex(({ mnemonic, operands }) => !isPadding(mnemonic, operands)) + 1);
      for (const { mnemonic, operands } of instructions) {
        if ((mnemonic === "brk" && !OURS.test(operands)) || mnemonic === "udf")
          report.problem(
            demangle(name),
            `\`${mnemonic} ${operands}\` is none of our traps: gcc has found undefined behaviour here`,
          );
        if (mnemonic === "svc" || mnemonic === "hlt")
          report.problem(demangle(name), `\`${mnemonic} ${operands}\`: a trap is a BRK, which the vectors report`);
      }
      const last = instructions.at(-1);
      const ends = !last || isEnd(last) || (last.mnemonic === "bl" && !returns.has(last.target?.name ?? ""));
      if (compiled.has(name) && !ends) report.problem(demangle(name), "runs on into what lies behind it; end it with a trap");
    }
  },
};
