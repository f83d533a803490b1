// `npm run build`: from src/, metal/ and abi/ to build/hyper-lite.elf, .Image and .rom, and from guests/ to build/guests/*.bin. What is up to
// date is left alone.

import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layout } from "../../abi/layout.ts";
import { withLock } from "../lock.ts";
import { ROOT } from "../paths.ts";
import { CORE } from "./asc-arguments.ts";
import { cFlags, fillSection, gcc, objcopy, symbolsOf, toC, toWasm } from "./compile.ts";
import { generate } from "./gen.ts";
import { buildGuestsApart } from "./guests.ts";
import { buildRom } from "./rom.ts";
import { reported, run } from "./run.ts";
import { stage1Tables } from "./stage1.ts";
import { symbolTable } from "./symbols.ts";

/** Does `action` unless what it depends on (files by pattern) is as it was when it was last done. */
async function whenChanged(stamp: string, patterns: string[], action: () => void | Promise<void>): Promise<void> {
  const hash = createHash("sha256");
  for (const file of globSync(["abi/*.ts", "tool/chain/*.ts", "package-lock.json", ...patterns], { cwd: ROOT }).sort()) {
    if (/\.\w+$/.test(file)) hash.update(`${file}\0`).update(readFileSync(join(ROOT, file)));
  }
  const now = hash.digest("hex");
  const path = join(ROOT, stamp);
  if (existsSync(path) && readFileSync(path, "utf8") === now) return;
  await action();
  writeFileSync(path, now);
}

const preprocess = (source: string, target: string): string =>
  run(gcc, ["-E", "-P", "-x", "c", "-D__ASSEMBLER__", "-Ibuild/gen", source, "-o", target]);

async function buildCore(): Promise<void> {
  // Loaded here alone: it brings the compiler of TypeScript with it.
  const { checkBuilt, checkSources, demand } = await import("./rules.ts");
  const checked = checkSources();
  demand(checked);
  toWasm(CORE);
  const imports = toC("build/core.wasm", "core", "build/core.generated.c");
  // Before the linear memory, the instance holds a pointer for each of them, and the memory's size.
  const instance = [`-DIMPORTS_NULL=${Array(imports).fill("0").join(",")}`, `-DINSTANCE_SIZE=${8 * (imports + 1)}`];
  run(gcc, [
    ...cFlags,
    "-fwhole-program",
    ...instance,
    "-Ibuild",
    "-Ibuild/gen",
    "-Imetal",
    "-c",
    "metal/core.c",
    "-o",
    "build/core.o",
  ]);
  for (const name of ["boot", "vectors"]) {
    run(gcc, ["-march=armv8-a+nofp", ...instance, "-Ibuild/gen", "-c", `metal/${name}.S`, "-o", `build/${name}.o`]);
  }
  const empty = `.section .symbols,"a"\n.skip ${layout.SYMBOLS_SIZE}\n.section .stage1,"aw"\n.skip ${layout.STAGE1_BUILT * 4096}\n`;
  writeFileSync(join(ROOT, "build/filled.s"), empty);
  run(gcc, ["-c", "build/filled.s", "-o", "build/filled.o"]);
  preprocess("metal/link.ld", "build/link.ld");
  const elf = "build/hyper-lite.elf";
  const objects = ["boot", "vectors", "core", "filled"].map((name) => `build/${name}.o`);
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
  const symbols = symbolsOf(elf);
  fillSection(elf, ".stage1", stage1Tables(symbols));
  fillSection(elf, ".symbols", symbolTable(symbolsOf(elf, true), layout.SYMBOLS_SIZE));
  run(objcopy, ["-O", "binary", elf, "build/hyper-lite.Image"]);
  buildRom();
  demand(checkBuilt(checked.sources));
}

export async function build(): Promise<void> {
  mkdirSync(join(ROOT, "build/guests"), { recursive: true });
  generate();
  // The guests are built by a process of their own, beside the core.
  const guests = whenChanged("build/guests/stamp", ["guests/**", "metal/wasm-rt.h"], buildGuestsApart);
  guests.catch(() => {});
  await whenChanged("build/stamp", ["src/**", "metal/**", "tool/chain/checks/*.ts"], buildCore);
  await guests;
}

if (import.meta.main) await reported(() => withLock(join(ROOT, "build/lock"), build));
