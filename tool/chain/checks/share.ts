// At least four lines in five of what runs at EL2 and is written by hand are TypeScript. Blank lines and comments are not counted.

import type { Rule } from "./rule.ts";

const LEAST = 0.8;

export interface HandWritten {
  readonly typescript: readonly string[];
  readonly others: readonly string[];
}

export function countLines(text: string): number {
  let lines = 0;
  let inComment = false;
  for (const line of text.split("\n").map((all) => all.trim())) {
    const comment = inComment || line.startsWith("//") || line.startsWith("/*");
    if (line.startsWith("/*")) inComment = true;
    if (line.endsWith("*/")) inComment = false;
    if (line !== "" && !comment) lines++;
  }
  return lines;
}

const sum = (texts: readonly string[]): number => texts.reduce((lines, text) => lines + countLines(text), 0);

export const share: Rule<HandWritten> = {
  name: "typescript-share",
  check: ({ typescript, others }, report) => {
    const [ts, other] = [sum(typescript), sum(others)];
    const part = ts / (ts + other);
    report.figure(
      `TypeScript: ${(Math.floor(part * 1000) / 10).toFixed(1)} % of the hand-written lines at EL2 (${ts} of ${ts + other}; least: ${LEAST * 100} %)`,
    );
    if (part < LEAST)
      report.problem(
        "metal/",
        `${other} lines against ${ts} of TypeScript; say in TypeScript what it can say, generate tables from abi/`,
      );
  },
};
