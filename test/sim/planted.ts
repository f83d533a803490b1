// Planted bugs: the core with one place of src/ changed, and a HAL that leaves out calls. What a sanitizer reports of them proves that it looks.

import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Hal } from "../../sim/hal.ts";
import { compileCore } from "../../sim/sanitizers/book.ts";
import { CORE } from "../../tool/chain/asc-arguments.ts";
import { BUILD, ROOT } from "../../tool/paths.ts";

/** A change of a file, relative to the repository's root: `find` stands there once, and becomes `replace`. */
export interface Change {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const FOLDER = join(BUILD, "planted");

let unchanged: string | undefined;
/** A hash of all that a core is made of. */
const sources = (): string => {
  if (unchanged !== undefined) return unchanged;
  const hash = createHash("sha256");
  const files = globSync(["src/**/*.ts", "build/gen/*.ts", "tool/chain/{asc-arguments,compile}.ts", "package-lock.json"], {
    cwd: ROOT,
  });
  for (const file of files.sort()) hash.update(`${file}\0`).update(readFileSync(join(ROOT, file)));
  unchanged = hash.digest("hex");
  return unchanged;
};

/** The files that are changed, as they become. */
const changedFiles = (name: string, changes: readonly Change[]): Map<string, string> => {
  const files = new Map<string, string>();
  for (const { file, find, replace } of changes) {
    const parts = (files.get(file) ?? readFileSync(join(ROOT, file), "utf8")).split(find);
    if (parts.length !== 2) throw new Error(`${name}: in ${file} this stands ${parts.length - 1} times, not once: ${find}`);
    files.set(file, parts.join(replace));
  }
  return files;
};

/**
 * The bytes of the core with changes. It is compiled once for each state of the sources. `name`: of the file that keeps it. `optimize`: for those who want a core
 * without a table, which compilation without optimisation leaves in it.
 */
export const plantedBytes = async (name: string, changes: readonly Change[], optimize = "-O0"): Promise<Uint8Array> => {
  const files = changedFiles(name, changes);
  const state = createHash("sha256")
    .update(sources())
    .update(JSON.stringify([...files]))
    .update(optimize)
    .digest("hex");
  const path = join(FOLDER, `${name}.${state.slice(0, 16)}.wasm`);
  if (!existsSync(path)) {
    // Loaded here alone: it brings the compiler with it.
    const { compiledFrom } = await import("../../tool/chain/compile.ts");
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(`${path}.${process.pid}`, await compiledFrom(CORE, (file) => files.get(file), optimize));
    renameSync(`${path}.${process.pid}`, path);
  }
  return readFileSync(path);
};

/** The same, for MachineOptions.wasm. */
export const plantedCore = async (name: string, changes: readonly Change[]): Promise<WebAssembly.Module> =>
  compileCore(await plantedBytes(name, changes));

/** A HAL without calls of one function: all of them, or those whose numbers, counted from 0, `isLeftOut` names. It must return nothing. */
export const without =
  (module: string, name: string, isLeftOut: (n: number) => boolean = () => true) =>
  (hal: Hal): Hal => {
    const call = hal[module]?.[name] as ((...args: unknown[]) => unknown) | undefined;
    if (call === undefined) throw new Error(`the HAL has no ${module}.${name}`);
    let calls = 0;
    const some = (...args: unknown[]): unknown => (isLeftOut(calls++) ? undefined : call(...args));
    return { ...hal, [module]: { ...hal[module], [name]: some } };
  };
