#!/usr/bin/env node
// The `hyper-lite` command: builds a system into a bundle, or runs it under QEMU.

import { writeFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { boardDefaults } from "./board.ts";
import { progress } from "./command.ts";
import { parseLogLevels } from "./config.ts";
import { runSystem } from "./run.ts";
import { formatSize, MIB, parseSize } from "./size.ts";
import { buildSystem } from "./system.ts";
import { exitCodes, messageOf, UserError } from "./user-error.ts";

const memorySize = (text: string): number => {
  const bytes = parseSize(text);
  if (bytes === undefined || bytes === 0 || bytes % MIB !== 0)
    throw new InvalidArgumentError("It must be whole MiB, such as 512M or 1G.");
  return bytes;
};

const TIMEOUT_MAX = 1_000_000;
const seconds = (text: string): number => {
  const value = Number(text);
  if (!(value > 0 && value <= TIMEOUT_MAX))
    throw new InvalidArgumentError(`It must be a number of seconds above 0, at most ${TIMEOUT_MAX}.`);
  return value;
};

const appended = (value: string, previous: readonly string[]): string[] => [...previous, value];

interface BuildFlags {
  scrub: boolean;
  logLevels?: string;
}

interface RunFlags extends BuildFlags {
  cpu: string;
  memory: number;
  el3: boolean;
  icount: boolean;
  timeout?: number;
  qemuArg: string[];
}

const buildOptions = (flags: BuildFlags) => ({
  scrubAtBoot: flags.scrub ? undefined : false,
  logLevels: flags.logLevels === undefined ? undefined : parseLogLevels(flags.logLevels),
});

/** A subcommand that takes a system, with the options that every such has. */
const systemCommand = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .argument("<system>", "a folder with a hyper-lite.config.ts, or such a file")
    .option("--no-scrub", "do not clear RAM that nobody had yet")
    .option("--log-levels <levels>", "the least severity that modules of the core log, such as vgic=debug,sched=info");

const build = systemCommand("build", "make the bundle of a system: everything that its VMs start with")
  .requiredOption("-o, --output <file>", "where to write it")
  .action(async (system: string, flags: BuildFlags & { output: string }) => {
    const { bundle } = await buildSystem(system, buildOptions(flags));
    writeFileSync(flags.output, bundle);
    progress(`${flags.output}: ${formatSize(bundle.length)}`);
  });

const run = systemCommand("run", "run a system under QEMU; Ctrl-A x leaves")
  .option("--cpu <model>", "QEMU's CPU model", boardDefaults.cpu)
  .option("--memory <size>", "RAM of the board", memorySize, boardDefaults.memory)
  .option("--el3", "start at EL3, from the ROM", false)
  .option("--icount", "count instructions as time: a run that repeats exactly", false)
  .option("--timeout <seconds>", "give up after this time", seconds)
  .option("--qemu-arg <argument>", "a further argument for QEMU; may be repeated", appended, [])
  .action(async (system: string, flags: RunFlags) => {
    const { cpu, memory, el3, icount, timeout, qemuArg } = flags;
    process.exitCode = await runSystem(system, { ...buildOptions(flags), cpu, memory, el3, icount, timeout, qemuArgs: qemuArg });
  });

const main = async (): Promise<void> => {
  const program = new Command("hyper-lite").description("A light type-1 hypervisor for ARM64, written in TypeScript");
  for (const command of [build, run]) program.addCommand(command.exitOverride());
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
  // An open stdin would keep the process alive.
  process.exit();
};

await main();
