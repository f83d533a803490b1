// A part of the core, compiled by itself: tests call functions that the whole of it does not export.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { layout } from "../../../abi/layout.ts";
import { compiled } from "../../../sim/compiled.ts";
import { compileCore } from "../../../sim/sanitizers/book.ts";
import { compiledFrom, toWasmHere } from "../../../tool/chain/compile.ts";
import { countingFolder } from "../../../tool/coverage/counters.ts";
import { mutantFolder, mutatedSource } from "../../../tool/mutation/mutant.ts";
import { ROOT } from "../../../tool/paths.ts";

/** `source`: the entry file, as if it stood in build/test/. */
export async function compilePart(name: string, source: string): Promise<WebAssembly.Module> {
  const folder = countingFolder ?? "build/test";
  const [entry, wasm] = [`build/test/${name}.ts`, `${folder}/${name}.wasm`];
  const { WINDOW_PAGES: pages, WINDOW_BASE: base } = layout;
  if (mutantFolder !== undefined) {
    const read = mutatedSource(mutantFolder);
    return compileCore(await compiledFrom({ entry, wasm, pages, base }, (file) => (file === entry ? source : read(file))));
  }
  mkdirSync(dirname(join(ROOT, entry)), { recursive: true });
  writeFileSync(join(ROOT, entry), source);
  if (countingFolder === undefined) await toWasmHere({ entry, wasm, pages, base });
  else execFileSync(process.execPath, ["tool/coverage/compile.ts", entry, wasm, `${pages}`, `${base}`], { cwd: ROOT });
  return compiled(wasm);
}
