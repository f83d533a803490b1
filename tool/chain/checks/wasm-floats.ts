// No floating point in the core: EL2 saves no vector registers for itself, and gcc is told not to use them.

import { isFloat, type WasmModule } from "../wasm.ts";
import type { Rule } from "./rule.ts";

export const floats: Rule<WasmModule> = {
  name: "no-floats",
  check: ({ functions }, report) => {
    for (const { name, signature, locals, body } of functions) {
      const typed = [...signature.params, ...signature.results, ...locals].some((type) => type === "f32" || type === "f64");
      if (typed || body.some(({ opcode }) => isFloat(opcode)))
        report.problem(name, "floating point; count in integers of a unit that is small enough");
    }
  },
};
