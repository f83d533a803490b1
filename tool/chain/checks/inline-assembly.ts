// Inline assembly with an effect is volatile and clobbers memory: gcc neither drops it nor moves a load or store across it. What reads a register
// that never changes may be moved.

import type { Rule } from "./rule.ts";

const CONSTANT = /^"mrs %0, (ctr_el0|dczid_el0)"/;

/** The subject: C behind the preprocessor. */
export const inlineAssembly: Rule<string> = {
  name: "inline-assembly",
  check: (text, report) => {
    // A register variable says `register … __asm__("x0") = …`.
    for (const [, kind = "", rest = ""] of text.matchAll(/(?<!\bregister [^;]*)__asm__\s*(\w*)\s*\(([^;]*)/g)) {
      const what = `\`${rest.slice(0, 60).trim()}\``;
      if (!kind.includes("volatile")) report.problem("metal/", `${what} is not volatile; write ASM(…)`);
      else if (!rest.includes('"memory"') && !CONSTANT.test(rest))
        report.problem("metal/", `${what} does not clobber memory; add : "memory"`);
    }
  },
};
