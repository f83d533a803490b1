// What the tests of the checks have in common: a subject with one thing wrong, and what is said about it.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Machine } from "../../../tool/chain/checks/machine.ts";
import { apply, type Rule } from "../../../tool/chain/checks/rule.ts";
import { cFlags, gcc, symbolsOf } from "../../../tool/chain/compile.ts";
import { disassemble } from "../../../tool/chain/disassembly.ts";
import { run } from "../../../tool/chain/run.ts";
import { parse, type Source } from "../../../tool/chain/sources.ts";
import { readWasm, type WasmModule } from "../../../tool/chain/wasm.ts";
import { scratch } from "../scratch.ts";

/** The one problem that the rule finds. */
export function refuses<Subject>(rule: Rule<Subject>, subject: Subject, message: RegExp): void {
  const { problems } = apply([rule], subject);
  assert.equal(problems.length, 1, problems.join("\n"));
  assert.match(problems[0] ?? "", message);
}

export function accepts<Subject>(rule: Rule<Subject>, subject: Subject): void {
  assert.deepEqual(apply([rule], subject).problems, []);
}

/** Sources by their paths. */
export const sources = (files: Readonly<Record<string, string>>): Source[] =>
  Object.entries(files).map(([path, text]) => parse(path, text));

/** One file somewhere in the core. */
export const source = (text: string): Source[] => sources({ "src/lib/sample.ts": text });

const loadWabt = createRequire(import.meta.url)("wabt") as typeof import("wabt");
const wabt = await loadWabt();

/** A module from its text. */
export const wasm = (wat: string): WasmModule =>
  readWasm(wabt.parseWat("sample.wat", wat, { tail_call: true }).toBinary({ write_debug_names: true }).buffer);

export interface Code {
  /** C, compiled with the flags of the core. */
  readonly c?: string;
  /** Assembly, not compiled from C. */
  readonly assembly?: string;
  readonly bounds?: ReadonlyMap<string, number>;
  readonly flags?: readonly string[];
}

/** Machine code from C and assembly. */
export function machine({ c = "", assembly = "", bounds = new Map(), flags = [] }: Code): Machine {
  const folder = scratch();
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("core.c"), c);
  writeFileSync(at("other.S"), assembly === "" ? "" : `.text\n${assembly}\n`);
  run(gcc, [...cFlags, "-Wno-error", "-w", ...flags, "-c", at("core.c"), "-o", at("core.o")]);
  run(gcc, ["-march=armv8-a", "-c", at("other.S"), "-o", at("other.o")]);
  run(gcc, ["-nostdlib", "-static", "-Wl,-e,0,--unresolved-symbols=ignore-all", at("core.o"), at("other.o"), "-o", at("elf")]);
  const compiled = new Set(symbolsOf(at("core.o"), true).keys());
  return { functions: disassemble(at("elf")), compiled, boot: new Set(["start"]), stackUsage: "", bounds };
}
