// Every rule of the house, applied: to the sources before anything is compiled, to core.wasm and to the machine code that was made of it
// afterwards. docs/dialect.md lists the rules.

import { globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../paths.ts";
import { allocation } from "./checks/allocation.ts";
import { assembly } from "./checks/assembly.ts";
import { compatibles, deviceRegisters } from "./checks/boards.ts";
import { fileCircles, importGraph } from "./checks/circles.ts";
import { decorators } from "./checks/decorators.ts";
import { defaultParameters } from "./checks/default-parameters.ts";
import { door } from "./checks/door.ts";
import { doubleEvaluation } from "./checks/double-evaluation.ts";
import { emptyLoops } from "./checks/empty-loops.ts";
import { eretBarrier } from "./checks/eret-barrier.ts";
import { flags } from "./checks/flags.ts";
import { frames } from "./checks/frames.ts";
import { generatedC } from "./checks/generated-c.ts";
import { guardedRegisters } from "./checks/guarded-registers.ts";
import { declaredIn, definedIn, halAgreement, importedBy } from "./checks/hal-agreement.ts";
import { imageSize } from "./checks/image-size.ts";
import { importOrder } from "./checks/import-order.ts";
import { inlineAssembly } from "./checks/inline-assembly.ts";
import { overrides } from "./checks/overrides.ts";
import { references } from "./checks/references.ts";
import { apply, type Outcome } from "./checks/rule.ts";
import { writeOrExecute } from "./checks/sections.ts";
import { segments } from "./checks/segments.ts";
import { share } from "./checks/share.ts";
import { shifts } from "./checks/shifts.ts";
import { spinLoops } from "./checks/spin-loops.ts";
import { stacks } from "./checks/stacks.ts";
import { traps } from "./checks/traps.ts";
import { noIgnore, types } from "./checks/types.ts";
import { closures, exceptions, plainTypes } from "./checks/unsupported.ts";
import { vectorRegisters } from "./checks/vector-registers.ts";
import { callsOf, exportsOf } from "./checks/wasm-exports.ts";
import { floats } from "./checks/wasm-floats.ts";
import { memory } from "./checks/wasm-memory.ts";
import { offsets } from "./checks/wasm-offsets.ts";
import { recursion } from "./checks/wasm-recursion.ts";
import { memoryGrowth, mutableGlobals, runtime } from "./checks/wasm-state.ts";
import { tables } from "./checks/wasm-tables.ts";
import { gcc, readelf, recordedFlags, symbolsOf } from "./compile.ts";
import { disassemble, objdump } from "./disassembly.ts";
import { BuildError, run } from "./run.ts";
import { parse, program, recursionBounds, type Source, sourcesIn } from "./sources.ts";
import { readWasm } from "./wasm.ts";

/** What the dialect is: for the core and for the guests, which come through the same compilers. */
const dialect = [noIgnore, decorators, overrides, allocation, doubleEvaluation, shifts, closures, plainTypes, exceptions];
/** What the house asks of the core alone. */
const house = [defaultParameters, door, emptyLoops, importOrder, deviceRegisters, compatibles];
const machineRules = [frames, stacks, vectorRegisters, guardedRegisters, traps, spinLoops, eretBarrier];

const text = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const files = (...patterns: string[]): string[] => globSync(patterns, { cwd: ROOT }).sort();
const parsed = (pattern: string): Source[] => files(pattern).map((path) => parse(path, text(path)));
const texts = (...patterns: string[]): string[] => files(...patterns).map(text);

export const joined = (outcomes: readonly Outcome[]): Outcome => ({
  problems: outcomes.flatMap(({ problems }) => problems),
  figures: outcomes.flatMap(({ figures }) => figures),
});

/** What can be said before anything is compiled; build/gen/ must be there. */
export function checkSources(): Outcome & { sources: Source[] } {
  const core = program(join(ROOT, "src/tsconfig.json"));
  const sources = sourcesIn(core, /^(src|build\/gen)\//);
  const outcome = joined([
    apply([types], core),
    apply([...dialect, ...house], sources),
    apply([importOrder], parsed("abi/*.ts")),
    apply([fileCircles], importGraph(parsed("{abi,src,tool,sim}/**/*.ts"))),
    apply([assembly], files("{abi,src,tool,sim}/**")),
  ]);
  return { ...outcome, sources };
}

/** The guests' sources; what the build writes for them must be there. */
export function checkGuests(): Outcome {
  const guests = program(join(ROOT, "guests/tsconfig.json"));
  return joined([apply([types], guests), apply(dialect, sourcesIn(guests, /^guests\//))]);
}

/** How much of what runs at EL2 is TypeScript. */
export const checkShare = (): Outcome =>
  apply([share], { typescript: texts("src/**/*.ts"), others: texts("metal/*.{S,h,c,ld}") });

/** What the build has made. `sim`: the functions of the simulator, which needs a core that is built. */
export function checkBuilt(sources: readonly Source[], sim?: ReadonlySet<string>): Outcome {
  const module = readWasm(readFileSync(join(ROOT, "build/core.wasm")));
  const bounds = recursionBounds(sources);
  const [object, elf] = ["build/core.o", "build/hyper-lite.elf"];
  const machine = {
    functions: disassemble(elf),
    compiled: new Set(symbolsOf(object, true).keys()),
    boot: new Set(symbolsOf("build/boot.o", true).keys()),
    stackUsage: text("build/core.su"),
    bounds,
  };
  const header = run(gcc, ["-E", "-P", "-Ibuild/gen", "-Imetal", "metal/hal.h"]);
  const sides = { declared: declaredIn(sources), imported: importedBy(module.imports), metal: definedIn(header), sim };
  const linkage = { symbols: run(readelf, ["-sW", object]), relocations: run(readelf, ["-rW", object]) };
  return joined([
    apply(
      [
        floats,
        tables,
        mutableGlobals,
        memoryGrowth,
        memory,
        runtime,
        offsets,
        exportsOf(callsOf(text("metal/core.c"))),
        recursion(bounds),
      ],
      module,
    ),
    apply(machineRules, machine),
    apply([vectorRegisters, spinLoops, eretBarrier], { ...machine, functions: disassemble("build/rom.elf") }),
    apply([writeOrExecute], { sections: run(objdump, ["-hw", elf]), stage1: readFileSync(join(ROOT, `${elf}.stage1`)) }),
    ...[elf, "build/rom.elf"].map((name) => apply([segments], { name, segments: run(readelf, ["-lW", name]) })),
    apply([generatedC], run(gcc, ["-E", "-P", "-Ibuild", "-Ibuild/gen", "-Imetal", "build/core.generated.c"])),
    apply([references], { ...linkage, header }),
    apply([flags], recordedFlags(object)),
    apply([imageSize], statSync(join(ROOT, "build/hyper-lite.Image")).size),
    apply([halAgreement], sides),
    apply([inlineAssembly], header),
  ]);
}

/** Stops the build where a rule is broken. */
export function demand({ problems }: Outcome): void {
  if (problems.length > 0) throw new BuildError(`${problems.join("\n")}\ndocs/dialect.md says why.`);
}
