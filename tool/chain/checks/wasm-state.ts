// The whole state of the hypervisor is its linear memory: it can be dumped, compared, replayed. So no global variables, no memory that grows, and
// nothing of AssemblyScript's heap.

import { MEMORY_GROW, type WasmModule } from "../wasm.ts";
import type { Rule } from "./rule.ts";

const RECORDS = "take records from the arena: changetype<T>(arena.take(offsetof<T>(), 8))";

export const mutableGlobals: Rule<WasmModule> = {
  name: "no-mutable-globals",
  check: ({ mutableGlobals }, report) => {
    if (mutableGlobals.length === 0) return;
    report.problem(
      "core.wasm",
      `${mutableGlobals.length} mutable global(s), from a \`let\` at top level, a default parameter of an exported function, or the heap; ` +
        "keep state in memory.data(bytes, align)",
    );
  },
};

export const memoryGrowth: Rule<WasmModule> = {
  name: "no-memory-growth",
  check: ({ functions }, report) => {
    for (const { name, body } of functions) {
      if (body.some(({ opcode }) => opcode === MEMORY_GROW)) report.problem(name, `memory.grow; ${RECORDS}`);
    }
  },
};

export const runtime: Rule<WasmModule> = {
  name: "no-runtime",
  check: ({ functions }, report) => {
    for (const { name } of functions)
      if (name.startsWith("~lib/rt/")) report.problem("core.wasm", `a function of AssemblyScript's heap, ${name}; ${RECORDS}`);
  },
};
