#!/usr/bin/env node
// The `hyper-lite` command: builds a system into a bundle, or runs it under QEMU.

import { writeFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { progress } from "./command.ts";
import { parseLogLevels } from "./config.ts";
import { formatSize } from "./size.ts";
import { type BuildOptions, buildSystem } from "./system.ts";
import { UserError } from "./user-error.ts";

const program = new Command("hyper-lite").description("A light type-1 hypervisor for ARM64, written in TypeScript");

program
  .command("build")
  .description("make the bundle of a system: everything that its VMs start with")
  .argument("<system>", "a folder with a hyper-lite.config.ts, or such a file")
  .requiredOption("-o, --output <file>", "where to write the bundle")
  .option("--no-scrub", "do not clear RAM that nobody had yet")
  .option("--log-levels <levels>", "least severity a module logs: vgic=debug,…")
  .action(async (system: string, options) => {
    const built = await buildSystem(system, {});
    writeFileSync(options.output, built.bundle);
    progress(`${options.output}: ${formatSize(built.bundle.length)}`);
  });
await program.parseAsync();
