#!/usr/bin/env node
// `npm run fuzz -- TARGET`: builds a fuzzer, runs it from its corpus for a time, and keeps what reached something new in the corpus, made as small as it can be.
// A crash leaves its input in build/fuzz/ and is told, with the command that replays it; the exit status is 1 then.

import { spawnSync } from "node:child_process";
import { globSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { Argument, Command, InvalidArgumentError } from "commander";
import { build } from "../tool/chain/build.ts";
import { reported } from "../tool/chain/run.ts";
import { ROOT } from "../tool/paths.ts";
import { UserError } from "../tool/user-error.ts";
import { buildFuzzer, INPUT_MAX } from "./build.ts";
import { keepCrash, packed, readCorpus, unpack, writeCorpus } from "./corpus.ts";
import { EVENT_BYTES, type Target, targets } from "./format.ts";
import { replay } from "./replay.ts";
import { seedsOf } from "./seeds.ts";

/** Of the target `exits`: so many events. */
const EVENTS_MAX = 64;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const count = (value: number): string => Math.round(value).toLocaleString("en");

const seconds = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 1e6)
    throw new InvalidArgumentError("It must be a whole number of seconds.");
  return value;
};

interface Input {
  readonly path: string;
  readonly bytes: Buffer;
}
const readInput = (path: string): Input => {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) throw new InvalidArgumentError("There is no such file.");
  const bytes = readFileSync(path);
  // A line of the corpus is an input: of none, nothing would be left.
  if (bytes.length === 0) throw new InvalidArgumentError("It is empty.");
  return { path: resolve(path), bytes };
};

/** Runs a fuzzer; returns its status and what it said. */
const fuzzer = (program: string, args: readonly string[]): { status: number; said: string } => {
  const { status, stderr } = spawnSync("nice", [program, "-rss_limit_mb=2048", "-timeout=30", ...args], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  return { status: status ?? 1, said: stderr };
};

const last = (said: string, pattern: RegExp): string => [...said.matchAll(pattern)].at(-1)?.[1] ?? "?";

const fuzz = (target: Target, time: number): boolean => {
  const program = buildFuzzer(target);
  const folder = join(ROOT, "build/fuzz", target);
  const [corpus, least] = [join(folder, "corpus"), join(folder, "least")];
  unpack(corpus, [...readCorpus(target), ...seedsOf(target)]);
  const length = target === "exits" ? EVENTS_MAX * EVENT_BYTES : INPUT_MAX;
  for (const old of globSync(join(folder, "{crash,timeout,oom,leak}-*"))) rmSync(old);
  const began = performance.now();
  const { status, said } = fuzzer(program, [
    ...[`-max_len=${length}`, "-len_control=20", `-max_total_time=${time}`, "-print_final_stats=1"],
    ...[`-artifact_prefix=${folder}/`, corpus],
  ]);
  const taken = (performance.now() - began) / 1000;
  const executions = Number(last(said, /stat::number_of_executed_units: *(\d+)/g));
  say(`${target}: ${count(executions)} executions in ${count(taken)} s, ${last(said, /cov: (\d+)/g)} edges`);
  if (status !== 0) {
    const [found] = globSync(join(folder, "{crash,timeout,oom,leak}-*"));
    say(said.split("\n").slice(-40).join("\n"));
    if (found !== undefined)
      say(`CRASH: npm run fuzz -- ${target} --replay ${relative(ROOT, found)}    (--keep: in npm test from now on)`);
    return false;
  }
  unpack(least, []);
  // Without counters: an input that goes round a loop once more is none that reaches something.
  fuzzer(program, ["-merge=1", "-use_counters=0", `-max_len=${length}`, least, corpus]);
  const inputs = packed(least);
  writeCorpus(target, inputs);
  say(`corpus: ${inputs.length} inputs, ${count(inputs.reduce((sum, { length: bytes }) => sum + bytes, 0))} bytes`);
  return true;
};

/** One input, natively and in the simulator. */
const one = (target: Target, { path, bytes }: Input): boolean => {
  const { status, said } = fuzzer(buildFuzzer(target), [path]);
  if (status !== 0) say(said);
  try {
    say(replay(target, bytes).uart.output);
  } catch (error) {
    say(`in the simulator: ${error instanceof Error ? error.stack : error}`);
    return false;
  }
  return status === 0;
};

const main = async (): Promise<void> => {
  const program = new Command("fuzz")
    .description("Fuzzes the core's C under libFuzzer, with bounds checks, AddressSanitizer and UndefinedBehaviorSanitizer.")
    .addArgument(new Argument("<target>", "what the input is").choices(targets))
    .option("--seconds <n>", "how long; 0: only make the corpus small again", seconds, 60)
    .option("--replay <file>", "play one input, natively and in the simulator", readInput)
    .option("--keep <file>", "keep an input that crashed: npm test plays it from now on", readInput)
    .parse();
  const [target] = program.processedArgs as [Target];
  const options = program.opts<{ seconds: number; replay?: Input; keep?: Input }>();
  try {
    if (options.keep !== undefined) {
      say(`kept in ${relative(ROOT, keepCrash(target, options.keep.bytes))}`);
      return;
    }
    await build();
    const passed = options.replay === undefined ? fuzz(target, options.seconds) : one(target, options.replay);
    process.exitCode = passed ? 0 : 1;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`hyper-lite: ${error.message}\n`);
    process.exitCode = error.exitCode;
  }
};

await reported(main, "the fuzzer");
