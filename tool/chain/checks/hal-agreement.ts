// The HAL's sides agree: each function that src/hal/ declares has one inline in metal/ and one method in sim/, of the same type; there are no
// others; and core.wasm imports nothing else.

import ts from "typescript";
import type { Source } from "../sources.ts";
import type { FunctionImport } from "../wasm.ts";
import type { Rule } from "./rule.ts";

/** `module.name` → its types in WebAssembly, as `i64 i32 -> i32`. */
export type Signatures = ReadonlyMap<string, string>;

export interface Sides {
  readonly declared: Signatures;
  readonly imported: Signatures;
  /** Each definition in metal/: there may be two of a name. */
  readonly metal: readonly (readonly [name: string, types: string])[];
  /** The simulator's functions; undefined where it is not looked at. */
  readonly sim: ReadonlySet<string> | undefined;
}

const NARROW = new Set(["u8", "i8", "s8", "u16", "i16", "s16", "u32", "i32", "s32", "usize", "isize", "bool"]);
const WIDE = new Set(["u64", "i64", "s64", "Pa", "Ipa", "Va"]);

const lower = (type: string): string =>
  NARROW.has(type) ? "i32" : WIDE.has(type) ? "i64" : type === "void" ? "" : `unknown:${type}`;
const signature = (params: readonly string[], result: string): string => `(${params.join(", ")}) -> ${result || "nothing"}`;

/** The declarations in src/hal/ and build/gen/sysreg.ts; the module is the file's name. */
export function declaredIn(sources: readonly Source[]): Signatures {
  const found = new Map<string, string>();
  for (const { path, tree } of sources) {
    const module = /^(?:src\/hal|build\/gen)\/(\w+)\.ts$/.exec(path)?.[1];
    for (const node of tree.statements) {
      if (module === undefined || !ts.isFunctionDeclaration(node) || node.body || !node.name) continue;
      const params = node.parameters.map(({ type }) => lower(type?.getText(tree) ?? ""));
      found.set(`${module}.${node.name.text}`, signature(params, lower(node.type?.getText(tree) ?? "")));
    }
  }
  return found;
}

export const importedBy = (imports: readonly FunctionImport[]): Signatures =>
  new Map(
    imports.map(({ module, name, signature: { params, results } }) => [
      `${module}.${name}`,
      signature(params, results.join(", ")),
    ]),
  );

const INLINE =
  /static inline __attribute__\(\(always_inline\)\) (\w+) w2c_(\w+)\(__attribute__\(\(unused\)\) struct w2c_(\w+) \*instance_\s*,?([^)]*)\)\s*\{/g;

/** The inlines of metal/hal.h, from its text behind the preprocessor. */
export const definedIn = (header: string): [string, string][] =>
  Array.from(header.matchAll(INLINE), ([, result = "", symbol = "", module = "", list = ""]) => {
    const params = list
      .split(",")
      .map((param) => param.trim())
      .filter((param) => param !== "");
    const types = params.map((param) => lower(param.replace(/\s*\w+$/, "")));
    return [`${module}.${symbol.slice(module.length + 1)}`, signature(types, lower(result))];
  });

export const halAgreement: Rule<Sides> = {
  name: "hal",
  check: ({ declared, imported, metal, sim }, report) => {
    for (const [name, types] of imported) {
      const other = declared.get(name);
      if (other === undefined) report.problem("core.wasm", `imports ${name} ${types}, which src/hal/ does not declare`);
      else if (other !== types) report.problem("core.wasm", `imports ${name} as ${types}, src/hal/ declares ${other}`);
    }
    const defined = new Map<string, string>();
    for (const [name, types] of metal) {
      if (defined.has(name)) report.problem("metal/hal.h", `defines ${name} twice`);
      defined.set(name, types);
      const other = declared.get(name);
      if (other === undefined)
        report.problem("metal/hal.h", `defines ${name} ${types}, which src/hal/ does not declare; remove it`);
      else if (other !== types) report.problem("metal/hal.h", `defines ${name} as ${types}, src/hal/ declares ${other}`);
    }
    for (const [name, types] of declared) {
      if (types.includes("unknown:"))
        report.problem(`src/hal/ ${name}`, `${types}: a type that does not pass the door; take numbers and addresses`);
      if (!defined.has(name)) report.problem(`src/hal/ ${name}`, "metal/hal.h does not define it");
      if (sim && !sim.has(name)) report.problem(`src/hal/ ${name}`, "sim/ does not have it");
    }
    for (const name of sim ?? [])
      if (!declared.has(name)) report.problem("sim/", `has ${name}, which src/hal/ does not declare; remove it`);
    report.figure(
      `HAL: ${declared.size} functions in src/hal/, ${defined.size} in metal/, ${sim ? `${sim.size} in sim/, ` : ""}${imported.size} in use`,
    );
  },
};
