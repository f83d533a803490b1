// The flags that the sandbox rests on, as gcc wrote them into core.o (-frecord-gcc-switches): what was really used, wherever it came from.

import type { Rule } from "./rule.ts";

const REQUIRED: readonly (readonly [flag: string, why: string])[] = [
  ["-ffreestanding", "there is no C library"],
  ["-mgeneral-regs-only", "vector registers are the guest's"],
  ["-fno-strict-overflow", "arithmetic wraps, as it does in WebAssembly"],
  ["-fno-aggressive-loop-optimizations", "a loop's end is not guessed from undefined behaviour"],
  ["-fno-tree-loop-distribute-patterns", "memset would call itself"],
  ["-mno-outline-atomics", "atomics are instructions, no calls"],
  ["-fno-pie", "no address is written into a table when it is loaded"],
  ["-fstack-usage", "the depth of stacks is computed"],
  ["-fwhole-program", "nothing but the entries is reached from elsewhere"],
];
/** What would undo one of them where it comes later, or calls functions that nobody sees. */
const UNDOES = new Set(["-fhosted", "-fpic", "-fPIC", "-fPIE", "-fsplit-stack", "-finstrument-functions", "-pg"]);
const undone = (flag: string): string => flag.replace(/^-([fm])no-/, "-$1");

/** The subject: what `.GCC.command.line` holds. */
export const flags: Rule<string> = {
  name: "flags",
  check: (text, report) => {
    const used = text.split(/[\s\0]+/);
    for (const [flag, why] of REQUIRED)
      if (!used.includes(flag)) report.problem("core.o", `was compiled without ${flag}: ${why}`);
    const refused = new Set([...UNDOES, ...REQUIRED.map(([flag]) => undone(flag)).filter((flag) => !used.includes(flag))]);
    for (const flag of used) if (refused.has(flag)) report.problem("core.o", `was compiled with ${flag}; remove it`);
    report.figure(`flags of core.o: ${REQUIRED.filter(([flag]) => used.includes(flag)).length} of ${REQUIRED.length}`);
  },
};
