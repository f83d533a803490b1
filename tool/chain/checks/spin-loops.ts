// A loop that waits for something else to change has WFE, WFI or YIELD in it: a CPU in a tight loop starves the others under QEMU's -icount, and wastes
// power everywhere.
//
// How a waiting loop is known: the code from a branch's target up to the branch, if the branch goes back, calls nothing, goes on in no other function and
// makes no progress of its own, that is, no register in it depends on its own old value (a counter, a pointer that moves on, a link that is followed).
// A branch back to code that leads elsewhere (an exit that several paths share) is no loop.
// A loop of exclusive accesses makes progress: it repeats only when another CPU has come in between.

import { type Instruction, isBranch, isEnd } from "../disassembly.ts";
import { demangle } from "../symbols.ts";
import type { Machine } from "./machine.ts";
import type { Rule } from "./rule.ts";

const numbers = (operands: string): string[] => Array.from(operands.matchAll(/\b[xw](\d+)\b/g), ([, number = ""]) => number);

/** Registers that an instruction writes, and those that it reads, by number. */
function effect({ mnemonic, operands }: Instruction): { writes: string[]; reads: string[] } {
  const all = numbers(operands);
  const base = numbers(/\[.*?\].*$/.exec(operands)?.[0] ?? "");
  if (/^(st|cmp|cmn|tst|ccm|msr|cb|tb|prfm|dc|ic|tlbi)/.test(mnemonic)) {
    const moves = /\]!$|\], #/.test(operands) ? base : [];
    return { writes: moves, reads: all };
  }
  const results = mnemonic.startsWith("ldp") || mnemonic === "ldxp" || mnemonic === "ldaxp" ? 2 : 1;
  const moves = /\]!$|\], #/.test(operands) ? base : [];
  const keeps = /^(movk|bfi|bfxil|bfm)$/.test(mnemonic) ? all.slice(0, 1) : [];
  return { writes: [...all.slice(0, results), ...moves], reads: [...all.slice(results), ...moves, ...keeps] };
}

/** Whether a register's new value follows, through any number of steps, from its own value of the last time round. */
function makesProgress(loop: readonly Instruction[]): boolean {
  const sources = new Map<string, Set<string>>();
  for (const instruction of loop) {
    const { writes, reads } = effect(instruction);
    for (const register of writes) {
      const from = sources.get(register) ?? new Set();
      for (const read of reads) from.add(read);
      sources.set(register, from);
    }
  }
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
    [...(sources.get(from) ?? [])].some((next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))));
  return [...sources.keys()].some((register) => reaches(register, register));
}

/** Whether the last instruction of some is reached from the first, without leaving them. */
function comesRound(loop: readonly Instruction[]): boolean {
  const places = new Map(loop.map(({ address }, n) => [address, n]));
  const seen = new Set<number>();
  const open = [0];
  for (let n = open.pop(); n !== undefined; n = open.pop()) {
    const instruction = loop[n];
    if (instruction === undefined || seen.has(n)) continue;
    if (n === loop.length - 1) return true;
    seen.add(n);
    const target = isBranch(instruction) ? places.get(instruction.target?.address ?? -1) : undefined;
    if (target !== undefined) open.push(target);
    if (!isEnd(instruction)) open.push(n + 1);
  }
  return false;
}

export const spinLoops: Rule<Machine> = {
  name: "spin-loops",
  check: ({ functions }, report) => {
    for (const { name, instructions } of functions) {
      for (const [end, branch] of instructions.entries()) {
        const start = isBranch(branch) ? instructions.findIndex(({ address }) => address === branch.target?.address) : -1;
        if (start < 0 || start > end) continue;
        const loop = instructions.slice(start, end + 1);
        const waits = loop.some(
          ({ mnemonic, operands }) => /^(wfe|wfi|yield)$/.test(mnemonic) || (mnemonic === "hint" && /^#0x[123]$/.test(operands)),
        );
        if (
          waits ||
          loop.some(({ mnemonic }) => /^(bl|eret|ret)$/.test(mnemonic) || /^st\w*xr/.test(mnemonic)) ||
          loop.some(({ mnemonic, target }) => mnemonic === "b" && target?.name !== name) ||
          !comesRound(loop) ||
          makesProgress(loop)
        )
          continue;
        report.problem(
          `${demangle(name)}+0x${(branch.address - (instructions[0]?.address ?? 0)).toString(16)}`,
          "a loop that only waits; put WFE or YIELD into it (cpu.relax())",
        );
      }
    }
  },
};
