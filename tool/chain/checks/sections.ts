// W^X in the image: no section and no page of stage 1 that the build makes is both writable and executable.

import type { Rule } from "./rule.ts";

export interface Layout {
  /** As `objdump -hw` prints them. */
  readonly sections: string;
  /** The translation tables of the image (tool/chain/stage1.ts). */
  readonly stage1: Buffer;
}

const READ_ONLY = 1n << 7n;
const XN = 1n << 54n;

export const writeOrExecute: Rule<Layout> = {
  name: "w^x",
  check: ({ sections, stage1 }, report) => {
    for (const line of sections.split("\n")) {
      const [, name = "", flags = ""] = /^\s*\d+\s+(\S+)\s+(?:[0-9a-f]+\s+){4}2\*\*\d+\s+(.*)$/.exec(line) ?? [];
      const has = (flag: string): boolean => flags.split(", ").includes(flag);
      if (has("CODE") && !has("READONLY"))
        report.problem(`section ${name}`, "writable and executable; data goes into .data, constants into .rodata");
    }
    for (let at = 0; at < stage1.length; at += 8) {
      const entry = stage1.readBigUInt64LE(at);
      // Tables carry no attributes, so they look writable and executable: only leaves set the access flag.
      const isLeaf = (entry & 1n) !== 0n && (entry & (1n << 10n)) !== 0n;
      if (isLeaf && (entry & (READ_ONLY | XN)) === 0n)
        report.problem(
          `stage 1, entry ${at / 8}`,
          `0x${entry.toString(16)} is writable and executable; make it read-only or set XN`,
        );
    }
  },
};
