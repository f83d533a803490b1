// What the core's machine code refers to, by the relocations of core.o: its own functions and read-only data, and the HAL's names (the `extern`s of
// metal/hal.h). The instance has no name: its place is in a register. No data holds an address that could be called or followed.

import type { Rule } from "./rule.ts";

export interface Linkage {
  /** As `readelf -sW` prints them, of core.o. */
  readonly symbols: string;
  /** As `readelf -rW` prints them. */
  readonly relocations: string;
  /** metal/hal.h behind the preprocessor. */
  readonly header: string;
}

/** What gcc calls for copies of its own; metal/core.c defines them. */
const OF_GCC = ["memcpy", "memset"];
/** Sections that the linker drops. */
const DROPPED = /^\.rela\.(eh_frame|debug_\w+)$/;

/** The names that metal/hal.h declares and does not define. */
export const declaredBy = (header: string): Set<string> =>
  new Set(
    Array.from(header.matchAll(/\bextern ([^;{]*);/g), ([, declaration = ""]) =>
      declaration
        .split(",")
        .map((one) => /(\w+)\s*(?:\(.*|(?:\[[^\]]*\])*)$/.exec(one.trim())?.[1] ?? "")
        .filter((name) => name !== ""),
    ).flat(),
  );

const SYMBOL = /^\s*\d+: ([0-9a-f]+)\s+\w+ (\w+)\s+\w+\s+\w+\s+(\w+) (\S+)$/gm;
const RELOCATION = /^[0-9a-f]+\s+[0-9a-f]+\s+(R_\w+)\s+[0-9a-f]+\s+(\S+)(?: [+-] [0-9a-f]+)?$/;

export const references: Rule<Linkage> = {
  name: "references",
  check: ({ symbols, relocations, header }, report) => {
    const hal = new Set([...declaredBy(header), ...OF_GCC]);
    const sections = new Map<string, string>();
    for (const [, , type, section = "", name = ""] of symbols.matchAll(SYMBOL))
      if (type === "SECTION") sections.set(section, name);
    const writable = (section: string): boolean => /^\.(data|bss)/.test(sections.get(section) ?? "");
    for (const [, , type, section = "", name = ""] of symbols.matchAll(SYMBOL)) {
      if (section === "UND" && name !== "" && !hal.has(name))
        report.problem("core.o", `refers to ${name}, which metal/hal.h does not declare`);
      if (type === "OBJECT" && (writable(section) || section === "COM") && !hal.has(name))
        report.problem("core.o", `${name} is data that changes and is not the HAL's; keep state in memory.data(bytes, align)`);
    }
    let from = "";
    for (const line of relocations.split("\n")) {
      from = /^Relocation section '([^']+)'/.exec(line)?.[1] ?? from;
      const [, type = "", target = ""] = RELOCATION.exec(line) ?? [];
      if (target === "" || DROPPED.test(from)) continue;
      if (!from.startsWith(".rela.text"))
        report.problem("core.o", `${from.slice(".rela".length)} holds the address of ${target}; call functions by name`);
      else if (!/^\.(text|rodata|data|bss)/.test(target) && !hal.has(target))
        report.problem("core.o", `${type} to ${target}, which metal/hal.h does not declare`);
    }
  },
};
