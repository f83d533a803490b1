// Nothing outside metal/ knows assembly or C: the rest is TypeScript.

import type { Rule } from "./rule.ts";

/** The subject: the files of the house, relative to its root. */
export const assembly: Rule<readonly string[]> = {
  name: "assembly-in-metal",
  check: (files, report) => {
    for (const file of files) {
      if (/\.([sSch]|asm|inc|ld)$/.test(file) && /^(src|abi|tool|sim)\//.test(file))
        report.problem(file, "assembly or C outside metal/; put behind a function of src/hal/ what TypeScript cannot say");
    }
  },
};
