// From what wasm2c and metal/ have to an image that a loader places: compiled, linked, with EL2's tables and the names of its functions in it.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { layout } from "../../abi/layout.ts";
import { ROOT } from "../paths.ts";
import { cFlags, fillSection, gcc, objcopy, symbolsOf } from "./compile.ts";
import { run } from "./run.ts";
import { stage1Tables } from "./stage1.ts";
import { symbolTable } from "./symbols.ts";

const preprocess = (source: string, target: string): string =>
  run(gcc, ["-E", "-P", "-x", "c", "-D__ASSEMBLER__", "-Ibuild/gen", source, "-o", target]);

/** Before the linear memory, the instance holds a pointer for each module that the core imports, and the memory's size. */
const instanceFlags = (imports: number): string[] => [
  `-DIMPORTS_NULL=${Array(imports).fill("0").join(",")}`,
  `-DINSTANCE_SIZE=${8 * (imports + 1)}`,
];

/** The one translation unit in C; the first folder that has core.generated.c says what the core is. */
export function compileCore(object: string, imports: number, folders: readonly string[]): void {
  const includes = [...folders, "build/gen", "metal"].map((folder) => `-I${folder}`);
  run(gcc, [...cFlags, "-fwhole-program", ...instanceFlags(imports), ...includes, "-c", "metal/core.c", "-o", object]);
}

/** Links `core` with the boot code and the vectors to `name`.elf and `name`.Image. */
export function linkImage(name: string, core: string): void {
  const elf = `${name}.elf`;
  const objects = ["build/boot.o", "build/vectors.o", core, "build/filled.o"];
  run(gcc, [
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,--build-id=none,--fatal-warnings",
    "-T",
    "build/link.ld",
    ...objects,
    "-o",
    elf,
  ]);
  fillSection(elf, ".stage1", stage1Tables(symbolsOf(elf)));
  fillSection(elf, ".symbols", symbolTable(symbolsOf(elf, true), layout.SYMBOLS_SIZE));
  run(objcopy, ["-O", "binary", elf, `${name}.Image`]);
}

/** build/hyper-lite.elf and .Image, of build/core.generated.c, which imports so many modules. */
export function buildImage(imports: number): void {
  compileCore("build/core.o", imports, ["build"]);
  for (const name of ["boot", "vectors"]) {
    const flags = ["-march=armv8-a+nofp", ...instanceFlags(imports), "-Ibuild/gen"];
    run(gcc, [...flags, "-c", `metal/${name}.S`, "-o", `build/${name}.o`]);
  }
  const empty = `.section .symbols,"a"\n.skip ${layout.SYMBOLS_SIZE}\n.section .stage1,"aw"\n.skip ${layout.STAGE1_BUILT * 4096}\n`;
  writeFileSync(join(ROOT, "build/filled.s"), empty);
  run(gcc, ["-c", "build/filled.s", "-o", "build/filled.o"]);
  preprocess("metal/link.ld", "build/link.ld");
  linkImage("build/hyper-lite", "build/core.o");
}
