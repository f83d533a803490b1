// Compiles the native harness of the fuzzers: the core's C as wasm2c has made it, with bounds checks in software and sanitizers, by clang with libFuzzer, or by
// the machine's own compiler to play inputs alone.

import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layout } from "../abi/layout.ts";
import { Machine } from "../sim/machine.ts";
import { run } from "../tool/chain/run.ts";
import { ROOT } from "../tool/paths.ts";
import { exitCodes, UserError } from "../tool/user-error.ts";
import type { Target } from "./format.ts";
import { header } from "./header.ts";
import { BUNDLE_BYTES, bundleSeed, exitsBundle, machineOptionsOf, manifestSize, tree } from "./system.ts";

const LLVM = "/usr/lib/llvm-14";

/** Where the core's C is that the image is made of. */
const BUILD = "build";
const OUT = "build/fuzz";
/** The most bytes of an input; of a bundle, its manifest ends before the first payload. */
export const INPUT_MAX = 0x4000;

/** A way of compiling the harness and the core. */
interface Compiler {
  readonly name: string;
  readonly program: string;
  readonly flags: readonly string[];
  /** Beside `flags`, for the core alone, and for the harness alone. */
  readonly core: readonly string[];
  readonly harness: readonly string[];
  /** What stands in for libFuzzer, if it does not bring it. */
  readonly sources: readonly string[];
}

const common = ["-std=gnu17", "-fno-omit-frame-pointer", "-fno-strict-aliasing", "-fno-sanitize-recover=all"];
const include = ["-Ifuzz", "-Ibuild", "-Ibuild/gen", `-I${OUT}`];

const fuzzing: Compiler = {
  name: "fuzzer",
  program: `${LLVM}/bin/clang`,
  // Nothing on the stack has an address in C that wasm2c emits; and midway.c leaves its stack without returning.
  flags: ["-O2", "-g1", "-fsanitize=fuzzer,address,undefined", "-mllvm", "-asan-stack=0", ...common, ...include],
  // What is to be reached is the core: neither the harness nor the functions by which the core's memory is accessed, whose comparisons took most of the time.
  core: ["-fsanitize-coverage-ignorelist=fuzz/uncounted.txt"],
  harness: ["-fno-sanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table"],
  sources: [],
};
/** libFuzzer without sanitizers or optimisation: the checks of bounds and of the HAL remain. For tests: it compiles in a tenth of the time. */
const quick: Compiler = {
  ...fuzzing,
  name: "quick",
  flags: ["-O0", "-g1", "-fsanitize=fuzzer", ...common, ...include],
};
/** The machine's own compiler; without optimisation, for that is what takes its time. */
const replaying: Compiler = {
  name: "replay",
  program: "gcc",
  flags: ["-O0", "-g1", "-fsanitize=address,undefined", ...common, ...include],
  core: [],
  harness: [],
  sources: ["fuzz/replay.c"],
};

/** Whether the fuzzers can be built here. */
export const canFuzz = (): boolean =>
  process.arch === "x64" &&
  globSync(`${LLVM}/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a`).length > 0 &&
  existsSync(fuzzing.program);

const requireFuzzing = (): void => {
  if (canFuzz()) return;
  if (process.arch !== "x64") throw new UserError("the fuzzers run on x86-64 alone; npm test replays their corpora anywhere");
  const install = "apt-get install --no-install-recommends clang-14 libclang-rt-14-dev llvm-14";
  throw new UserError(`the fuzzers need Debian's clang; run this, then try again:\n  ${install}`, exitCodes.PACKAGES);
};

/** What lies in the board's RAM, whatever the input is. */
const data = (target: Target): Record<string, Buffer> => {
  const bundle = target === "exits" ? exitsBundle() : bundleSeed();
  // The manifest is the input's.
  if (target === "bundle") bundle.fill(0, 0, manifestSize(bundle));
  const machine = new Machine(machineOptionsOf(target));
  const stage1 = machine.ram.readBytes(machine.door.stage1Base, layout.STAGE1_BUILT * 4096);
  return {
    "bundle.bin": bundle,
    "tree.dtb": tree(target === "bundle" ? BUNDLE_BYTES : bundle.length),
    "stage1.bin": Buffer.from(stage1),
  };
};

/** What wasm2c emits is not warned about. */
const strict = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"];
const HARNESS = ["board", "gic", "virtio", "hal", "run", "events", "drivers", "midway", "main"];

/** Leaves a file alone that is as it should be: another process may be compiling it. */
const put = (path: string, contents: string | Buffer): void => {
  if (existsSync(path) && readFileSync(path).equals(Buffer.from(contents))) return;
  writeFileSync(`${path}.${process.pid}`, contents);
  renameSync(`${path}.${process.pid}`, path);
};

/** The core whose C lies in the folder `core`, compiled anew when it has changed: that takes most of the time. */
const compiledCore = ({ name, program, flags, core: own }: Compiler, core: string, out: string): string => {
  const object = `${out}/core-${name}.o`;
  const stamp = join(ROOT, out, `core-${name}.stamp`);
  const hash = createHash("sha256").update([...flags, ...own].join(" "));
  for (const file of [`${core}/core.generated.c`, "fuzz/wasm-rt.h", "fuzz/uncounted.txt"])
    hash.update(readFileSync(join(ROOT, file)));
  const now = hash.digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === now) return object;
  run(program, [`-I${core}`, ...flags, ...own, "-w", "-c", `${core}/core.generated.c`, "-o", object]);
  writeFileSync(stamp, now);
  return object;
};

const compiled = (target: Target, compiler: Compiler, core = BUILD): string => {
  const out = core === BUILD ? OUT : core;
  const folder = join(out, target);
  mkdirSync(join(ROOT, folder), { recursive: true });
  mkdirSync(join(ROOT, OUT), { recursive: true });
  for (const [name, bytes] of Object.entries(data(target))) put(join(ROOT, folder, name), bytes);
  put(join(ROOT, OUT, "inputs.h"), header());
  const modules = readFileSync(join(ROOT, core, "core.generated.h"), "utf8").matchAll(/^struct w2c_\w+;$/gm);
  const defines = [
    `IMPORTS_NULL=${[...modules].map(() => "0").join(",")}`,
    `TARGET_${target}`,
    `DATA="${join(ROOT, folder)}"`,
    `INPUT_AT=${target === "fdt" ? "FDT_AT" : "BUNDLE_AT"}`,
    `INPUT_MAX=${INPUT_MAX}`,
  ];
  const result = join(folder, compiler.name);
  const sources = [...HARNESS.map((name) => `fuzz/${name}.c`), ...compiler.sources];
  const words = [`-I${core}`, ...compiler.flags, ...compiler.harness, ...strict, ...defines.map((one) => `-D${one}`)];
  run(compiler.program, [...words, ...sources, compiledCore(compiler, core, out), "-lm", "-o", result]);
  return join(ROOT, result);
};

/** Builds the fuzzer of a target; returns its path. */
export const buildFuzzer = (target: Target): string => {
  requireFuzzing();
  return compiled(target, fuzzing);
};

/** Builds the program that plays inputs of a target, without libFuzzer; returns its path. */
export const buildReplay = (target: Target): string => compiled(target, replaying);

/** Builds a fuzzer for tests, of the core as it is or of one whose C (core.generated.c) lies in another folder, relative to the repository's root. */
export const buildQuickFuzzer = (target: Target, core?: string): string => {
  requireFuzzing();
  return compiled(target, quick, core);
};
