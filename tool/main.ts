#!/usr/bin/env node
// The `hyper-lite` command: builds a system into a bundle, runs it under QEMU, replays a run, or says what is wrong with it.

import { writeFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { layout } from "../abi/layout.ts";
import { boardDefaults } from "./board.ts";
import type { ConsoleMode } from "./bundle.ts";
import { progress } from "./command.ts";
import { jsonSchema } from "./config/json-schema.ts";
import { parseLogLevels } from "./config/parse.ts";
import { isBoardMemory, valueRules } from "./config/rules.ts";
import { type ReplayOptions, replayFile } from "./record/command.ts";
import { runSystem } from "./run.ts";
import { formatSize, parseSize } from "./size.ts";
import { buildSystem, validateSystem } from "./system.ts";
import { exitCodes, messageOf, printable, systemCause, UserError } from "./user-error.ts";
import { wholeNumber } from "./whole-number.ts";

const memorySize = (text: string): number => {
  const bytes = parseSize(text);
  if (bytes === undefined || !isBoardMemory(bytes)) throw new InvalidArgumentError(`It ${valueRules.BOARD_MEMORY}.`);
  return bytes;
};

const cpuCount = wholeNumber(1, layout.MAX_CPUS);

const TIMEOUT_MAX = 1_000_000;
const seconds = (text: string): number => {
  const value = Number(text);
  if (!(value > 0 && value <= TIMEOUT_MAX))
    throw new InvalidArgumentError(`It must be a number of seconds above 0, at most ${TIMEOUT_MAX}.`);
  return value;
};

/** What is no text for a terminal goes to no stream: "-" would be a file of that name. */
const outputFile =
  (what: string) =>
  (text: string): string => {
    if (text === "" || text === "-")
      throw new InvalidArgumentError(`It must be the path of a file: ${what} does not go to stdout.`);
    return text;
  };

const exitNumber = (text: string): number => {
  const value = Number(text);
  if (!(Number.isSafeInteger(value) && value >= 1))
    throw new InvalidArgumentError("It must be the number of an exit, from 1 up.");
  return value;
};

const cpuNumber = (text: string): number => {
  const value = Number(text);
  if (!(/^\d+$/.test(text) && value < layout.MAX_CPUS))
    throw new InvalidArgumentError(`It must be the number of a CPU, from 0 to ${layout.MAX_CPUS - 1}.`);
  return value;
};

const writeOutput = (file: string, bytes: Buffer): void => {
  try {
    writeFileSync(file, bytes);
  } catch (thrown) {
    throw new UserError(`${file}: cannot be written: ${systemCause(thrown)}`);
  }
};

const appended = (value: string, previous: readonly string[]): string[] => [...previous, value];

interface BuildFlags {
  scrub: boolean;
  logLevels?: string;
  console?: ConsoleMode;
}

interface RunFlags extends BuildFlags {
  cpu: string;
  cpus?: number;
  memory?: number;
  el3: boolean;
  icount: boolean;
  record?: string;
  timeout?: number;
  pipe?: string;
  qemuArg: string[];
}

const buildOptions = (flags: BuildFlags) => ({
  scrubAtBoot: flags.scrub ? undefined : false,
  logLevels: flags.logLevels === undefined ? undefined : parseLogLevels(flags.logLevels),
  console: flags.console,
});

/** A subcommand that takes a system. */
const systemCommand = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .argument("<system>", "a folder with a hyper-lite.config.ts or .json, or such a file");

/** A subcommand that makes a bundle of a system, with the options that every such has. */
const bundleCommand = (name: string, description: string): Command =>
  systemCommand(name, description)
    .option("--no-scrub", "do not clear RAM that nobody had yet")
    .option("--log-levels <levels>", "the least severity that modules of the core log, such as vgic=debug,sched=info");

const consoleOption = (description: string): Option => new Option("--console <mode>", description).choices(["terminal", "lines"]);

const build = bundleCommand("build", "make the bundle of a system: everything that its VMs start with")
  .requiredOption("-o, --output <file>", "where to write it", outputFile("a bundle"))
  .addOption(consoleOption("one terminal for all VMs, or whole lines with names for machines").default("lines"))
  .action(async (system: string, flags: BuildFlags & { output: string }) => {
    const { bundle } = await buildSystem(system, buildOptions(flags));
    writeOutput(flags.output, bundle);
    progress(`${flags.output}: ${formatSize(bundle.length)}`);
  });

/** Keys choose a VM where somebody types and looks; anything else is read by a program. */
const usualConsole = (): ConsoleMode => (process.stdin.isTTY && process.stdout.isTTY ? "terminal" : "lines");

const run = bundleCommand("run", "run a system under QEMU; Ctrl-A x leaves")
  .option("--cpu <model>", "QEMU's CPU model", boardDefaults.cpu)
  .option("--cpus <number>", "CPUs of the board (default: what the system says of its board)", cpuCount)
  .option("--memory <size>", "RAM of the board (default: what the system says of its board)", memorySize)
  .addOption(consoleOption('one terminal for all VMs, or whole lines with names (default: "terminal" on a terminal)'))
  .option("--el3", "start at EL3, from the ROM", false)
  .option("--icount", "count instructions as time: a run that repeats exactly", false)
  .addOption(
    new Option("--record <file>", "record what the core does, for `replay`; slower")
      .argParser(outputFile("a record"))
      .conflicts("el3"),
  )
  .option("--pipe <socket>", "a Unix socket to make, to connect to the pipe that ends at the board")
  .option("--timeout <seconds>", "give up after this time", seconds)
  .option("--qemu-arg <argument>", "a further argument for QEMU; may be repeated", appended, [])
  .action(async (system: string, flags: RunFlags) => {
    const { cpu, cpus, memory, el3, icount, record, pipe, timeout, qemuArg } = flags;
    const options = { ...buildOptions(flags), console: flags.console ?? usualConsole() };
    const board = { cpu, cpus, memory, el3, icount, pipeSocket: pipe, qemuArgs: qemuArg };
    process.exitCode = await runSystem(system, { ...options, ...board, record, timeout });
  });

const replay = new Command("replay")
  .description("replay a recorded run in this process, and list the exits of its guests")
  .argument("<file>", "what `run --record` has written")
  .option("--from <exit>", "list from this exit on", exitNumber)
  .option("--to <exit>", "list up to this exit", exitNumber)
  .option("--cpu <number>", "list the exits of one CPU", cpuNumber)
  .addOption(
    new Option("--exit <exit>", "show one exit: registers, calls of the HAL, what changed in the core's memory")
      .argParser(exitNumber)
      .conflicts(["from", "to", "cpu"]),
  )
  .addOption(new Option("--step", "go from exit to exit, or from call to call, by keys").conflicts(["from", "to", "cpu", "exit"]))
  .action((file: string, options: ReplayOptions) => replayFile(file, options));

const validate = systemCommand("validate", "say everything that is wrong with a system, without using a network").action(
  async (system: string) => {
    const unseen = await validateSystem(system);
    const rest = unseen.length === 0 ? "" : `, but for files that are not fetched yet: ${unseen.join(", ")}`;
    process.stdout.write(`${printable(`${system}: all right${rest}`)}\n`);
  },
);

const schema = new Command("schema").description("print the JSON Schema of a hyper-lite.config.json, for editors").action(() => {
  process.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
});

/** Why stdout does not take what is written to it. */
let lostOutput: Error | undefined;

/** What stdout does not take fails the command; without stderr nothing can be said, which is no reason to end what runs. */
const watchStreams = (): void => {
  process.stdout.on("error", (error) => {
    lostOutput ??= error;
  });
  process.stderr.on("error", () => {});
};

/** Waits for what was written to stdout. */
const flushOutput = async (): Promise<void> => {
  await new Promise<void>((resolve) => process.stdout.write("", () => resolve()));
  if (lostOutput === undefined) return;
  progress(`cannot write to stdout: ${systemCause(lostOutput)}`);
  process.exitCode ||= exitCodes.FAILED;
};

const main = async (): Promise<void> => {
  watchStreams();
  const program = new Command("hyper-lite").description("A light type-1 hypervisor for ARM64, written in TypeScript");
  for (const command of [build, run, replay, validate, schema]) program.addCommand(command.exitOverride());
  try {
    await program.exitOverride().parseAsync();
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      process.exitCode = thrown.exitCode === 0 ? 0 : exitCodes.USAGE;
    } else if (thrown instanceof UserError || (thrown instanceof Error && "code" in thrown)) {
      for (const line of messageOf(thrown).split("\n")) progress(line);
      process.exitCode = thrown instanceof UserError ? thrown.exitCode : exitCodes.FAILED;
    } else {
      throw thrown;
    }
  }
  await flushOutput();
  // An open stdin would keep the process alive.
  process.exit();
};

await main();
