// A lock among processes, held through `flock` (util-linux): the kernel lets it go when the holder ends, however it ends.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { UserError } from "./user-error.ts";

/** Runs `action` while no other process does so under the same lock file. */
export const withLock = async <T>(file: string, action: () => Promise<T>): Promise<T> => {
  mkdirSync(dirname(file), { recursive: true });
  // `cat` says that the lock is there, then waits for the end of its input, which comes with our end at the latest.
  const holder = spawn("flock", [file, "sh", "-c", "echo && exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(holder, "close");
  const held = await Promise.race([once(holder.stdout, "data").then(() => true), ended.then(() => false)]);
  if (!held) throw new UserError(`cannot lock ${file}`);
  try {
    return await action();
  } finally {
    holder.stdin.end();
    await ended;
  }
};
