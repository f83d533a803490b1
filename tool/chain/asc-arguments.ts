// What asc is told, for the core, for guests, and for parts of the core that tests compile by themselves.

import { layout } from "../../abi/layout.ts";

export interface Module {
  /** The entry file, relative to the repository's root. */
  entry: string;
  wasm: string;
  /** Pages of 64 KiB of linear memory. */
  pages: number;
  /** Address of the first byte in use. */
  base: number;
}

/** The hypervisor itself. */
export const CORE: Module = {
  entry: "src/main.ts",
  wasm: "build/core.wasm",
  pages: layout.WINDOW_PAGES,
  base: layout.WINDOW_BASE,
};

/** What every way of compiling a module has in common. */
export const commonArguments = ({ entry, wasm, pages, base }: Module, optimize: string): string[] => [
  entry,
  ...["--runtime", "stub", optimize, "--noAssert", "--debug"],
  ...["--use", "abort="],
  ...["--memoryBase", String(base), "--initialMemory", String(pages), "--maximumMemory", String(pages)],
  ...["--outFile", wasm],
];

export const ascArguments = (module: Module): string[] => [
  ...commonArguments(module, "-O3"),
  ...["--textFile", module.wasm.replace(/\.wasm$/, ".wat")],
];
