// The core's exports are what the vectors call, and the memory; nothing runs before them.

import type { WasmModule } from "../wasm.ts";
import type { Rule } from "./rule.ts";

/** `calls`: the functions of the core that metal/ calls. */
export const exportsOf = (calls: ReadonlySet<string>): Rule<WasmModule> => ({
  name: "exports",
  check: ({ exports, start, otherImports }, report) => {
    const functions = new Set<string>();
    for (const { name, kind } of exports) {
      if (kind === "function") functions.add(name);
      else if (kind !== "memory")
        report.problem("core.wasm", `exports the ${kind} ${name}; only functions and the memory leave the core`);
    }
    for (const name of functions) {
      if (!calls.has(name))
        report.problem("src/main.ts", `exports ${name}, which metal/core.c does not call; remove it, or move it out of main.ts`);
    }
    for (const name of calls)
      if (!functions.has(name)) report.problem("metal/core.c", `calls ${name}, which src/main.ts does not export`);
    if (start !== undefined) report.problem("core.wasm", "a start function, from code at top level; move it into `boot`");
    for (const name of otherImports)
      report.problem("core.wasm", `imports ${name}, which is no function; only functions come in, through src/hal`);
  },
});

/** The functions of the core that C code calls. */
export const callsOf = (c: string): Set<string> =>
  new Set(Array.from(c.matchAll(/\bw2c_core_(\w+)\((?:instance|core_instance\(\))/g), ([, name = ""]) => name));
