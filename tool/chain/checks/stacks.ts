// The deepest stack of every entry point, from the calls in the machine code and the frames of who is called, fits into its stack.

import { layout } from "../../../abi/layout.ts";
import { frameOf, isBranch, type MachineFunction } from "../disassembly.ts";
import { components } from "../graph.ts";
import { demangle } from "../symbols.ts";
import type { Machine } from "./machine.ts";
import type { Rule } from "./rule.ts";

/** What the vectors call, and the bytes of the stack that is empty then. */
const isEntry = (name: string): boolean => name.startsWith("hl_");
const stackOf = (entry: string): number =>
  entry === "hl_crash" ? layout.EMERGENCY_SIZE : layout.STACK_SIZE - layout.CPU_BLOCK_SIZE;

/** A branch to another function is a call as well: the frame that it leaves is counted all the same. */
function calledBy({ name, instructions }: MachineFunction): Set<string> {
  const called = new Set<string>();
  for (const instruction of instructions) {
    const { mnemonic, target } = instruction;
    if (target && (mnemonic === "bl" || (isBranch(instruction) && target.name !== name))) called.add(target.name);
  }
  return called;
}

/** The bound of a circle: that of the function it was compiled from, of which gcc may have made parts (`.part.0`). */
function boundOf(circle: readonly string[], bounds: ReadonlyMap<string, number>): number | undefined {
  const names = new Set(circle.map((name) => demangle(name.replace(/\..*$/, ""))));
  return names.size === 1 ? [...bounds].find(([name]) => names.has(name.replace(/^src\//, "")))?.[1] : undefined;
}

interface Depth {
  readonly bytes: number;
  readonly path: readonly string[];
}

export const stacks: Rule<Machine> = {
  name: "stacks",
  check: ({ functions, compiled, bounds }, report) => {
    const own = functions.filter(({ name }) => compiled.has(name));
    for (const { name, instructions } of functions) {
      if (instructions.some(({ mnemonic }) => mnemonic === "blr"))
        report.problem(demangle(name), "a call through a register; call functions by name");
    }
    const frames = new Map(functions.map((code) => [code.name, frameOf(code) ?? 0]));
    const graph = new Map(functions.map((code) => [code.name, calledBy(code)]));
    const depths = new Map<string, Depth>();
    // Those who are called come first.
    for (const circle of components(graph)) {
      const inside = new Set(circle);
      const called = circle.flatMap((name) => [...(graph.get(name) ?? [])]);
      const isCircle = called.some((name) => inside.has(name));
      const times = isCircle ? boundOf(circle, bounds) : 1;
      if (times === undefined && circle.some((name) => compiled.has(name)))
        report.problem(
          demangle(circle[0] ?? ""),
          `calls itself (${circle.map(demangle).join(", ")}), to no known depth; make it a loop`,
        );
      const below = called.filter((name) => !inside.has(name)).map((name) => depths.get(name) ?? { bytes: 0, path: [] });
      const deepest = below.reduce((a, b) => (b.bytes > a.bytes ? b : a), { bytes: 0, path: [] });
      const frame = circle.reduce((bytes, name) => bytes + (frames.get(name) ?? 0), 0) * (times ?? 1);
      const label = `${demangle(circle[0] ?? "")}${times !== undefined && times > 1 ? ` ×${times}` : ""} ${frame}`;
      for (const name of circle) depths.set(name, { bytes: deepest.bytes + frame, path: [label, ...deepest.path] });
    }
    for (const { name } of own.filter((code) => isEntry(code.name))) {
      const { bytes, path } = depths.get(name) ?? { bytes: 0, path: [] };
      report.figure(`deepest stack of ${name}: ${bytes} of ${stackOf(name)} bytes`);
      if (bytes > stackOf(name))
        report.problem(
          name,
          `its stack is up to ${bytes} bytes deep, it has ${stackOf(name)}; shorten the chain ${path.join(" > ")}`,
        );
    }
  },
};
