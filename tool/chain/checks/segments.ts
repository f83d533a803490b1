// W^X in the ELF file: what a loader would map, segment by segment, is either written or executed; so is the stack.

import type { Rule } from "./rule.ts";

export interface ElfFile {
  readonly name: string;
  /** As `readelf -lW` prints them. */
  readonly segments: string;
}

const SEGMENT = /^ {2}(LOAD|GNU_STACK) +(?:0x[0-9a-f]+ +){5}([R ][W ][E ])/gm;

export const segments: Rule<ElfFile> = {
  name: "segments",
  check: ({ name, segments: text }, report) => {
    const found = [...text.matchAll(SEGMENT)];
    for (const [, type = "", rights = ""] of found) {
      if (rights.includes("W") && rights.includes("E"))
        report.problem(name, `a segment (${type}) that is writable and executable; metal/link.ld gives each kind its own`);
      if (type === "GNU_STACK" && rights.includes("E")) report.problem(name, "an executable stack");
    }
    if (!found.some(([, type]) => type === "LOAD")) report.problem(name, "has no segment");
  },
};
