// A core with a fault, run against the tests until one fails: those first that take little, and what is known from earlier runs (results.ts) not again.

import { join } from "node:path";
import { BuildError } from "../chain/run.ts";
import { BUILD } from "../paths.ts";
import { type Fault, keyOf } from "./faults.ts";
import { type Known, pathOf, readJson, writeJson } from "./results.ts";
import { areAlike, type Failure, runTests, statesOf, testFiles } from "./suite.ts";

/** Tests hang after so many seconds without a result, and so many times what their file takes on the core as it is: others may use this machine. */
const PATIENCE = { seconds: 60, times: 10 };
/** On the core as it is nothing hangs. */
const LONGEST = 600;
/** Files are run together while they take no more seconds. */
const TOGETHER = 15;

export const inParallel = async (jobs: number, work: () => Promise<void>): Promise<void> => {
  await Promise.all(Array.from({ length: jobs }, work));
};

/** A list in groups of files that are run together. */
const grouped = (files: readonly string[], seconds: (file: string) => number): string[][] => {
  const groups: string[][] = [];
  let sum = 0;
  for (const file of files) {
    const last = groups.at(-1);
    sum += seconds(file);
    if (last !== undefined && sum <= TOGETHER && areAlike(last[0] ?? "", file)) last.push(file);
    else {
      groups.push([file]);
      sum = seconds(file);
    }
  }
  return groups;
};

export class Runs {
  readonly #states = statesOf(testFiles());
  readonly #seconds = new Map<string, number>();
  #files: readonly string[] = [];

  private constructor() {}

  /** `folder`: the core as it is, which passes every test. */
  static async measured(folder: string, jobs: number): Promise<Runs> {
    const runs = new Runs();
    await runs.#measure(folder, jobs);
    return runs;
  }

  readonly #secondsOf = (file: string): number => this.#seconds.get(file) ?? 0;

  async #measure(folder: string, jobs: number): Promise<void> {
    const path = join(BUILD, "mutation/baseline.json");
    const known = readJson<Record<string, { state: string; seconds: number }>>(path) ?? {};
    const fresh = [...this.#states.keys()].filter((file) => known[file]?.state !== this.#states.get(file));
    const groups = grouped(fresh, () => TOGETHER / 8);
    if (fresh.length > 0) process.stdout.write(`${fresh.length} test files on the core as it is\n`);
    await inParallel(jobs, async () => {
      for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
        const { failed, seconds, output } = await runTests(group, folder, LONGEST);
        if (failed !== undefined) throw new BuildError(`on the core as it is: ${failed.what}\n${output}`);
        for (const file of group) known[file] = { state: this.#states.get(file) ?? "", seconds: seconds.get(file) ?? 0 };
        writeJson(path, known);
      }
    });
    for (const file of this.#states.keys()) this.#seconds.set(file, known[file]?.seconds ?? 0);
    this.#files = [...this.#states.keys()].sort((a, b) => this.#secondsOf(a) - this.#secondsOf(b));
  }

  /** Runs what has to be run of it on the core in `folder`, up to the first failure; returns what has failed. */
  async run(fault: Fault, folder: string): Promise<string | undefined> {
    const path = pathOf(keyOf(fault));
    const known = readJson<Known>(path) ?? { passed: {} };
    const { caught, passed } = known;
    if (caught !== undefined && caught.state === this.#states.get(caught.file)) return caught.failed;
    delete known.caught;
    const left = this.#files.filter((file) => passed[file] !== this.#states.get(file));
    const [first, rest] = [left.filter((file) => file === caught?.file), left.filter((file) => file !== caught?.file)];
    for (const group of [...grouped(first, this.#secondsOf), ...grouped(rest, this.#secondsOf)]) {
      const patience = PATIENCE.seconds + PATIENCE.times * Math.max(...group.map(this.#secondsOf));
      const run = async (): Promise<Failure | undefined> => (await runTests(group, folder, patience)).failed;
      const once = await run();
      // What ends without a test that fails may have another cause: it must happen again.
      const failed = once?.kind === "end" ? await run() : once;
      if (failed === undefined) for (const file of group) passed[file] = this.#states.get(file) ?? "";
      else known.caught = { file: failed.file, state: this.#states.get(failed.file) ?? "", failed: failed.what };
      writeJson(path, known);
      if (failed !== undefined) return failed.what;
    }
    return undefined;
  }
}
