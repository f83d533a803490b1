// A null record is address 0 of the window, whose first 64 KiB are unmapped: it faults as long as no field lies further behind.

import { isMemoryAccess, type WasmModule } from "../wasm.ts";
import type { Rule } from "./rule.ts";

const UNMAPPED = 0x1_0000;

export const offsets: Rule<WasmModule> = {
  name: "small-offsets",
  check: ({ functions }, report) => {
    // An access to static data at a constant address is written with the address as its operand; a large immediate is an offset from a record.
    for (const { name, body } of functions) {
      const far = body.find(({ opcode, immediate }) => isMemoryAccess(opcode) && immediate >= UNMAPPED);
      if (far)
        report.problem(
          name,
          `a load or store at the static offset 0x${far.immediate.toString(16)}: a null record would not fault; add to the address first`,
        );
    }
  },
};
