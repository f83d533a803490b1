// No frame above 2 KiB: a guard page of 4 KiB lies under each stack, and nothing steps over it.

import { frameOf } from "../disassembly.ts";
import { demangle } from "../symbols.ts";
import type { Machine } from "./machine.ts";
import type { Rule } from "./rule.ts";

const LARGEST = 2048;

export const frames: Rule<Machine> = {
  name: "small-frames",
  check: ({ functions, compiled, stackUsage }, report) => {
    let largest = { bytes: 0, name: "" };
    for (const code of functions) {
      if (!compiled.has(code.name)) continue;
      const bytes = frameOf(code);
      if (bytes === undefined) {
        report.problem(
          demangle(code.name),
          "a stack frame whose size is not constant; use memory that was set aside (memory.data)",
        );
      } else if (bytes > LARGEST) {
        report.problem(
          demangle(code.name),
          `a stack frame of ${bytes} bytes, ${LARGEST} are allowed; keep large things in static data`,
        );
      }
      if ((bytes ?? 0) > largest.bytes) largest = { bytes: bytes ?? 0, name: demangle(code.name) };
    }
    // What gcc itself says (-fstack-usage): name, bytes, "static" unless the size depends on values.
    for (const line of stackUsage.split("\n")) {
      const [place = "", bytes, kind] = line.split("\t");
      const name = demangle(place.split(":").at(-1) ?? "");
      if (Number(bytes) > LARGEST) report.problem(name, `gcc tells of a stack frame of ${bytes} bytes, ${LARGEST} are allowed`);
      if (kind !== undefined && kind !== "static")
        report.problem(name, `gcc tells of a stack frame whose size is ${kind}, not static`);
    }
    report.figure(`largest frame: ${largest.bytes} bytes, ${largest.name} (most: ${LARGEST})`);
  },
};
