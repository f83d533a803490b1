// The core, or a part of it, compiled: build/core.wasm; in its place, while coverage is measured (tool/coverage/), the counting build,
// and of a mutation check (tool/mutation/) the core with a fault.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { COUNTERS, counters, countingFolder, type Point } from "../tool/coverage/counters.ts";
import { mutantFolder } from "../tool/mutation/mutant.ts";
import { ROOT } from "../tool/paths.ts";
import { compileCore } from "./sanitizers/book.ts";

const WITHOUT_COUNTERS = `${mutantFolder ?? "build"}/core.wasm`;
const CORE = countingFolder === undefined ? WITHOUT_COUNTERS : `${countingFolder}/core.wasm`;

/** Counters of the modules that were loaded from files. */
const counting = new WeakMap<WebAssembly.Module, WebAssembly.Imports>();

/** A module from its file, relative to the repository's root. */
export function compiled(wasm: string): WebAssembly.Module {
  const module = compileCore(readFileSync(join(ROOT, wasm)));
  if (countingFolder === undefined) return module;
  const points = JSON.parse(readFileSync(join(ROOT, wasm.replace(/\.wasm$/, ".json")), "utf8")) as Point[];
  counting.set(module, counters(points, join(ROOT, countingFolder, "reached")));
  return module;
}

let core: WebAssembly.Module | undefined;
export const compiledCore = (): WebAssembly.Module => {
  core ??= compiled(CORE);
  return core;
};
/** The file of the core; one that counts only if it is asked for. */
export const coreBytes = ({ counts }: { readonly counts: boolean }): Uint8Array =>
  readFileSync(join(ROOT, counts ? CORE : WITHOUT_COUNTERS));

/** What a module that counts counts in: one that was made from the core has the core's counters. */
const countersOf = (module: WebAssembly.Module): WebAssembly.Imports | undefined => {
  const own = counting.get(module);
  if (own !== undefined || countingFolder === undefined) return own;
  if (!WebAssembly.Module.imports(module).some((one) => one.module === COUNTERS.module)) return undefined;
  const found = counting.get(compiledCore());
  if (found !== undefined) counting.set(module, found);
  return found;
};

/** The exports of a new instance on this HAL. */
export const instantiate = <Exports>(module: WebAssembly.Module, hal: unknown): Exports =>
  new WebAssembly.Instance(module, { ...(hal as WebAssembly.Imports), ...countersOf(module) }).exports as unknown as Exports;
