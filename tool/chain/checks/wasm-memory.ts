// The linear memory is the window: as large as the layout says from the start, of the module's own, and nothing of it lies where null records fault.

import { layout } from "../../../abi/layout.ts";
import type { WasmModule } from "../wasm.ts";
import type { Rule } from "./rule.ts";

export const memory: Rule<WasmModule> = {
  name: "memory",
  check: ({ memories, data }, report) => {
    const [only] = memories;
    if (memories.length !== 1 || only === undefined)
      report.problem("core.wasm", `${memories.length} memories; the window is the only one`);
    else if (only.min !== layout.WINDOW_PAGES || only.max !== layout.WINDOW_PAGES)
      report.problem(
        "core.wasm",
        `a memory of ${only.min} to ${only.max ?? "any number of"} pages; abi/layout.ts says ${layout.WINDOW_PAGES}`,
      );
    const end = layout.WINDOW_PAGES * 0x1_0000;
    for (const { at, bytes } of data) {
      if (at === undefined) report.problem("core.wasm", "a data segment that is placed at run time");
      else if (at < layout.WINDOW_BASE || at + bytes > end)
        report.problem(
          "core.wasm",
          `static data at 0x${at.toString(16)}, ${bytes} bytes, outside of what is mapped (--memoryBase)`,
        );
    }
  },
};
