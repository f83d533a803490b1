// TypeScript → WebAssembly → C: the steps that core and guests share. wasm2c stands behind `toC` alone.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import asc from "assemblyscript/asc";
import { ROOT } from "../paths.ts";
import { ascArguments, commonArguments, type Module } from "./asc-arguments.ts";
import { BuildError, run } from "./run.ts";

const bin = (name: string): string => `node_modules/.bin/${name}`;
/** The packages' programs are scripts: this Node runs them. */
const script = (name: string, args: string[]): string => run(process.execPath, [bin(name), ...args]);

export function toWasm(module: Module): void {
  run(process.execPath, [join(ROOT, "tool/chain/asc.ts"), ...ascArguments(module)]);
}

/** The same without a process of its own: where several are compiled, the compiler is warm for all but the first. */
export async function toWasmHere(module: Module): Promise<void> {
  const { error, stderr } = await asc.main([...ascArguments(module), "--baseDir", ROOT]);
  if (error !== null) throw new BuildError(`asc ${module.entry}\n${stderr.toString()}`);
}

/** The bytes of a module whose sources are what `read` returns (`undefined`: as they are on disk); not optimised, in a tenth of the time, unless `optimize` says how. */
export async function compiledFrom(
  module: Module,
  read: (path: string) => string | undefined,
  optimize = "-O0",
): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  const { error, stderr } = await asc.main([...commonArguments(module, optimize), "--baseDir", ROOT], {
    readFile: (name, baseDir) => {
      const path = join(baseDir, name);
      return read(relative(ROOT, path)) ?? (existsSync(path) ? readFileSync(path, "utf8") : null);
    },
    writeFile: (name, contents) => {
      if (name === module.wasm && typeof contents !== "string") bytes = contents;
    },
  });
  if (error !== null || bytes === undefined) throw new BuildError(`asc ${module.entry}\n${stderr.toString()}`);
  return bytes;
}

/** Writes `c` (and its header beside it); returns how many modules it imports. */
export function toC(wasm: string, name: string, c: string): number {
  script("wasm2c", ["-n", name, wasm, "-o", c]);
  const header = readFileSync(c.replace(/\.c$/, ".h"), "utf8");
  return [...header.matchAll(/^struct w2c_\w+;$/gm)].length;
}

export const gcc = "aarch64-linux-gnu-gcc";
export const objcopy = "aarch64-linux-gnu-objcopy";
export const readelf = "aarch64-linux-gnu-readelf";
export const nm = "aarch64-linux-gnu-nm";

/** Flags for code that runs without an operating system: see the design, section 2. */
export const cFlags = [
  ...["-std=gnu17", "-O2", "-ffreestanding", "-mgeneral-regs-only", "-march=armv8-a"],
  ...["-fno-strict-overflow", "-fno-aggressive-loop-optimizations", "-fno-tree-loop-distribute-patterns"],
  ...["-fno-pic", "-fno-pie", "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fno-omit-frame-pointer"],
  ...["-mno-outline-atomics", "-fstack-usage", "-frecord-gcc-switches", "-Wall", "-Wextra", "-Werror"],
  // addresses that are plain numbers
  "-Wno-array-bounds",
];

/** Replaces the contents of a section, which must keep its size. */
export function fillSection(elf: string, section: string, contents: Buffer): void {
  const file = `${elf}${section}`;
  writeFileSync(file, contents);
  run(objcopy, ["--update-section", `${section}=${file}`, elf]);
}

/** What gcc says of the flags that it has compiled an object with (-frecord-gcc-switches). */
export const recordedFlags = (object: string): string => run(readelf, ["-p", ".GCC.command.line", object]);

/** Symbols of an ELF file: name → address; `functions` alone if asked. */
export function symbolsOf(elf: string, functions = false): Map<string, bigint> {
  const symbols = new Map<string, bigint>();
  for (const line of run(nm, [elf]).split("\n")) {
    const [address, type, name] = line.split(" ");
    if (address && type && name && !name.startsWith("$") && (!functions || /[tT]/.test(type)))
      symbols.set(name, BigInt(`0x${address}`));
  }
  return symbols;
}
