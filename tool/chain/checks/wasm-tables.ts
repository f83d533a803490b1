// No table and no indirect call: wasm2c lays tables behind the memory, where the embedded array would overlay them, and a wild index into one
// would be a wild jump.

import { CALL_INDIRECT, RETURN_CALL_INDIRECT, type WasmModule } from "../wasm.ts";
import type { Rule } from "./rule.ts";

const INSTEAD = "call functions by name, and choose by a `switch` over an id";

export const tables: Rule<WasmModule> = {
  name: "no-tables",
  check: ({ tables, elements, functions }, report) => {
    if (tables > 0) report.problem("core.wasm", `a table, from a function used as a value; ${INSTEAD}`);
    if (elements > 0) report.problem("core.wasm", `an element section, from a function used as a value; ${INSTEAD}`);
    for (const { name, body } of functions) {
      if (body.some(({ opcode }) => opcode === CALL_INDIRECT || opcode === RETURN_CALL_INDIRECT))
        report.problem(name, `an indirect call; ${INSTEAD}`);
    }
  },
};
