// Runs another program to its end and collects what it says; what a person waits for is announced on stderr.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { messageOf, printable, UserError } from "./user-error.ts";

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Says on stderr what is going on: stdout belongs to the VM. */
export const progress = (text: string): void => {
  process.stderr.write(`hyper-lite: ${printable(text)}\n`);
};

/** What the program wrote to stdout; throws a UserError with its last words if it fails. */
export const runCommand = async (program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> => {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  let status: number | null;
  try {
    [status] = (await once(child, "close")) as [number | null];
  } catch (thrown) {
    throw new UserError(`cannot run ${program}: ${messageOf(thrown)}`);
  }
  if (status === 0) return Buffer.concat(out).toString();
  const words = Buffer.concat(err).toString().trim();
  throw new UserError(`\`${program} ${args.join(" ")}\` failed: ${words === "" ? `status ${status}` : words}`);
};
