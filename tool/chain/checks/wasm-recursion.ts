// No recursion: the depth of a stack is computed from the call graph. A function may call itself where its own code bounds the depth, which a
// comment above it then says: `// recursion: at most N deep`.

import { circles } from "../graph.ts";
import { CALL, type WasmModule } from "../wasm.ts";
import type { Rule } from "./rule.ts";

/** `bounds`: how deep a function may call itself, by its name in the module. */
export const recursion = (bounds: ReadonlyMap<string, number>): Rule<WasmModule> => ({
  name: "no-recursion",
  check: ({ functions }, report) => {
    const names = new Map(functions.map(({ index, name }) => [index, name]));
    const graph = new Map(
      functions.map(({ name, body }) => {
        const called = body.flatMap(({ opcode, immediate }) => (opcode === CALL ? (names.get(immediate) ?? []) : []));
        return [name, new Set(called)];
      }),
    );
    for (const [first = "", ...others] of circles(graph)) {
      if (others.length > 0) report.problem(first, `calls itself by way of ${others.join(", ")}; make it a loop`);
      else if (!bounds.has(first))
        report.problem(
          first,
          "calls itself; make it a loop, or bound the depth by a constant and say so: `// recursion: at most N deep`",
        );
    }
    for (const [name, depth] of bounds) report.figure(`recursion: ${name}, at most ${depth} deep`);
  },
});
