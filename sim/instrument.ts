// The core with what the simulator asks for besides its HAL: points at which its CPUs give way (interleaved.ts), and calls that say what it reads and
// writes (races.ts). Made from a compiled core by Binaryen; each is kept in build/instrumented/, by what it was made from.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import binaryen from "assemblyscript/binaryen";
import { BUILD } from "../tool/paths.ts";
import { coreBytes } from "./compiled.ts";
import { SITES, type Sites } from "./races.ts";
import { compileCore } from "./sanitizers/book.ts";

export interface Instruments {
  /** Before each call of the HAL, `interleave.suspend` once the exported `countdown` has come to 0. */
  readonly points?: boolean;
  /** `accesses.…` for each load, store and fill. */
  readonly accesses?: boolean;
}

type Module = binaryen.Module;

const { Features, i32, none, createType } = binaryen;
const FEATURES =
  Features.BulkMemory | Features.BulkMemoryOpt | Features.MutableGlobals | Features.SignExt | Features.NontrappingFPToInt;
/** Of a build that counts what it runs. Binaryen lowers memory.fill of a module with one memory alone. */
const COUNTING = FEATURES | Features.MultiMemory;

interface Known {
  readonly name: string;
  /** Where it is imported from. */
  readonly module: string;
  readonly base: string;
  readonly params: number;
  readonly results: number;
}

const functionsOf = (module: Module): Known[] =>
  Array.from({ length: module.getNumFunctions() }, (_, n) => {
    const { name, module: from, base, params, results } = binaryen.getFunctionInfo(module.getFunctionByIndex(n));
    return { name, module: from ?? "", base: base ?? "", params, results };
  });

/** Puts a function in place of another one, all of whose callers then call this one. `body` is given what reads parameter `n`. */
const replace = (
  module: Module,
  { name, params, results }: Known,
  body: (parameter: (n: number) => number) => number[],
): void => {
  module.removeFunction(name);
  const types = binaryen.expandType(params);
  const contents = body((n) => module.local.get(n, types[n]!));
  module.addFunction(name, params, results, [], module.block(null, contents, results));
};

/** A CPU need not give way where it asks for its own number. */
const isPoint = ({ module, base }: Known): boolean => module !== "" && !(module === "cpu" && base === "number");

const addPoints = (module: Module): void => {
  const calls = functionsOf(module).filter(isPoint);
  module.addFunctionImport("suspend", "interleave", "suspend", none, none);
  module.addGlobal("countdown", i32, true, module.i32.const(0));
  module.addGlobalExport("countdown", "countdown");
  const countdown = (): number => module.global.get("countdown", i32);
  for (const call of calls) {
    const original = `${call.module}.${call.base}`;
    replace(module, call, (parameter) => [
      module.global.set("countdown", module.i32.sub(countdown(), module.i32.const(1))),
      module.if(module.i32.eqz(countdown()), module.call("suspend", [], none)),
      module.call(original, Array.from(binaryen.expandType(call.params).keys(), parameter), call.results),
    ]);
    module.addFunctionImport(original, call.module, call.base, call.params, call.results);
  }
};

/** Binaryen's pass puts calls around each access, which pass on what they are given: an address, a value. Here they tell the simulator before. */
const addAccesses = (module: Module): void => {
  module.runPasses(["llvm-memory-copy-fill-lowering"]);
  const [two, three] = [createType([i32, i32]), createType([i32, i32, i32])];
  for (const name of ["read", "prepare"]) module.addFunctionImport(name, "accesses", name, three, none);
  module.addFunctionImport("write", "accesses", "write", none, none);
  module.addFunctionImport("fill", "accesses", "fill", two, none);
  for (const one of functionsOf(module).filter(({ name }) => name === "__memory_fill")) {
    replace(module, one, (parameter) => [
      module.call("fill", [parameter(0), parameter(2)], none),
      module.memory.fill(parameter(0), parameter(1), parameter(2)),
    ]);
  }
  module.runPasses(["instrument-memory"]);
  for (const one of functionsOf(module).filter(({ module: from }) => from === "env")) {
    const [kind, what] = one.base.split("_");
    if (kind !== "load" && kind !== "store") {
      // for what the core does not have: arrays of another kind of memory
      module.removeFunction(one.name);
      continue;
    }
    replace(module, one, (parameter) => {
      if (what === "val") return kind === "load" ? [parameter(1)] : [module.call("write", [], none), parameter(1)];
      // the number of the access, its bytes, its static offset, and the address
      const address = module.i32.add(parameter(2), parameter(3));
      return [module.call(kind === "load" ? "read" : "prepare", [parameter(0), parameter(1), address], none), parameter(3)];
    });
  }
};

/** Which numbers the accesses of each function have: they are the first arguments of the pass's calls, as Binaryen's text has them. */
const sitesOf = (module: Module): Sites => {
  const names: string[] = [];
  let name = "";
  for (const [, of, number] of module
    .emitText()
    .matchAll(/^ \(func \$(\S+)|\(call \$(?:load|store)_ptr\s+\(i32\.const (\d+)\)/gm)) {
    if (of !== undefined) name = of;
    else names[Number(number)] = name;
  }
  return [...names.entries()].filter(([n, one]) => one !== names[n - 1]);
};

/** A section of a name of its own (Core Specification, 5.5.3), in which the module says where its accesses are. */
const section = (contents: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from([SITES.length]), Buffer.from(SITES), contents]);
  const size = [0, 7, 14, 21, 28].map((shift) => ((body.length >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0));
  return Buffer.concat([Buffer.from([0, ...size]), body]);
};

const instrument = (wasm: Uint8Array, { points = false, accesses = false }: Instruments): Buffer => {
  const module = binaryen.readBinaryWithFeatures(wasm, accesses ? FEATURES : COUNTING);
  if (accesses) addAccesses(module);
  const sites = accesses ? sitesOf(module) : [];
  if (points) addPoints(module);
  binaryen.setDebugInfo(true);
  const bytes = Buffer.from(module.emitBinary());
  module.dispose();
  return accesses ? Buffer.concat([bytes, section(Buffer.from(JSON.stringify(sites)))]) : bytes;
};

/** A compiled core, core.wasm unless `wasm` is another one, for MachineOptions.wasm. */
export const instrumentedCore = (
  instruments: Instruments,
  // What a build counts in is no memory whose accesses matter.
  wasm: Uint8Array = coreBytes({ counts: instruments.accesses !== true }),
): WebAssembly.Module => {
  const hash = createHash("sha256")
    .update(wasm)
    .update(readFileSync(import.meta.filename))
    .update(JSON.stringify(instruments));
  const path = join(BUILD, "instrumented", `${hash.digest("hex").slice(0, 24)}.wasm`);
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.${process.pid}`, instrument(wasm, instruments));
    renameSync(`${path}.${process.pid}`, path);
  }
  return compileCore(readFileSync(path));
};
