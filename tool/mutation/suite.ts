// The tests that a core with a fault is run against: those of the core and of the simulator, and a few random worlds.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { coreTests, SKIPPED } from "../core-tests.ts";
import { ROOT } from "../paths.ts";

/** The sanitizers' tests have planted bugs all but these. */
const isOfSanitizers = (file: string): boolean => file.startsWith("test/sim/sanitizers/");
const AS_IT_IS = "the core as it is";

const files = (...patterns: string[]): string[] => globSync(patterns, { cwd: ROOT }).sort();

/** Files that may be run together. */
export const areAlike = (a: string, b: string): boolean => isOfSanitizers(a) === isOfSanitizers(b);

export const testFiles = (): string[] => [...coreTests(), "tool/mutation/worlds.ts"];

const hashOf = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex").slice(0, 24);
};

/** What a result of a test file depends on, by file: sources, simulator, tests' helpers, and the file itself. */
export const statesOf = (tests: readonly string[]): Map<string, string> => {
  const helpers = files("test/**/*.ts", "fuzz/*.ts", "fuzz/corpus/*").filter((file) => !file.endsWith(".test.ts"));
  const shared = [
    ...files(
      "{abi,src,sim}/**/*.ts",
      "tool/chain/{asc-arguments,compile}.ts",
      "tool/{core-tests,mutation/mutant,mutation/suite,mutation/watch}.ts",
    ),
    ...helpers,
    "package-lock.json",
  ];
  const all = hashOf(...shared.flatMap((file) => [file, readFileSync(join(ROOT, file))]));
  return new Map(tests.map((file) => [file, hashOf(all, readFileSync(join(ROOT, file)))]));
};

export interface Failure {
  /** A test failed, none ended for too long, or the process ended by itself. */
  readonly kind: "test" | "hang" | "end";
  readonly file: string;
  readonly what: string;
}

export interface Outcome {
  /** The first test that failed, or how the run ended, and its file; undefined: everything passed. */
  readonly failed: Failure | undefined;
  /** What the tests of each file that was begun took. */
  readonly seconds: ReadonlyMap<string, number>;
  readonly output: string;
}

/** What watch.ts has told. */
class Told {
  output = "";
  readonly #seconds = new Map<string, number>();

  get failed(): Outcome["failed"] {
    const [, file, name] = /^FAILED (\S+) › (.+)$/m.exec(this.output) ?? [];
    return file === undefined ? undefined : { kind: "test", file, what: `${file} › ${name}` };
  }

  /** The file that was being run last. */
  get last(): string | undefined {
    return [...this.output.matchAll(/^started (\S+)$/gm)].at(-1)?.[1];
  }

  get seconds(): ReadonlyMap<string, number> {
    for (const [, file = "", ms] of this.output.matchAll(/^passed (\S+) (\S+)$/gm))
      this.#seconds.set(file, (this.#seconds.get(file) ?? 0) + Number(ms) / 1000);
    return this.#seconds;
  }
}

/** Runs test files, one after the other in one process, on the core in `folder`, up to the first failure. They hang if no test ends for `patience` seconds. */
export const runTests = async (tests: readonly string[], folder: string, patience: number): Promise<Outcome> => {
  const only = tests.every(isOfSanitizers) ? [`--test-name-pattern=${AS_IT_IS}`] : [];
  const how = ["--import", "./tool/mutation/watch.ts", "--test", "--test-isolation=none", "--test-reporter=dot"];
  const env = { ...process.env, HYPER_LITE_MUTANT: folder, NODE_COMPILE_CACHE: join(ROOT, "build/node-cache") };
  const args = [...how, `--test-skip-pattern=${SKIPPED}`, ...only, ...tests];
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
  const told = new Told();
  let hangs = false;
  const giveUp = (): void => {
    hangs = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(giveUp, 1000 * patience);
  const take = (chunk: string): void => {
    told.output += chunk;
    clearTimeout(timer);
    timer = setTimeout(giveUp, 1000 * patience);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", take);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (...end) => resolve(end));
  });
  clearTimeout(timer);
  const { output, seconds } = told;
  if (told.failed !== undefined) return { failed: told.failed, seconds, output };
  if (code === 0) return { failed: undefined, seconds, output };
  const file = told.last ?? tests[0] ?? "";
  if (hangs)
    return {
      failed: { kind: "hang", file, what: `${file} hangs: no test ended for ${Math.round(patience)} s` },
      seconds,
      output,
    };
  const end = `${file} ends by ${signal ?? `status ${code}`}: ${output.trim().split("\n").at(-1)}`;
  return { failed: { kind: "end", file, what: end }, seconds, output };
};
