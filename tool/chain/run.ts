// Runs one program of the chain and stops with its output if it fails.

import { execFileSync } from "node:child_process";
import { ROOT } from "../paths.ts";

/** A step of the build went wrong: the message is all that the user needs. */
export class BuildError extends Error {}

/** Runs `file` in the repository's root; returns what it printed. */
export function run(file: string, args: string[]): string {
  try {
    return execFileSync(file, args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 28 });
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as { code?: string; stdout?: string; stderr?: string };
    if (code === "ENOENT") throw new BuildError(`${file} is not installed: ./setup.sh installs what the build needs`);
    throw new BuildError(`${file} ${args.join(" ")}\n${stdout}${stderr}`);
  }
}

/** Runs a build, or `what` else, as a program: an error is told on stderr, and by the exit status. */
export async function reported(action: () => void | Promise<void>, what = "the build"): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`hyper-lite: ${what} failed\n${error.message}\n`);
    process.exitCode = 1;
  }
}
