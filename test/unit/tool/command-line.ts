// Runs the `hyper-lite` command as a user does, with a stand-in for QEMU whose behaviour each test writes as a few lines of shell.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../tool/paths.ts";
import { scratch } from "../scratch.ts";

export interface Ended {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  send(text: string): void;
  /** Ends the command's input. */
  close(): void;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once stdout holds this text. */
  seen(text: string): Promise<void>;
  readonly ended: Promise<Ended>;
}

export const HALTED_OFF = "printf '\\036<6>[    0.000001] halted: off\\r\\n'";

/** A system with a raw kernel of zeros, or with what `vm` says in place of that; `settings` are the system's. */
export const scratchSystem = (vm = '{ name: "guest", memory: "64M", kernel: "kernel" }', settings = ""): string => {
  const folder = scratch();
  writeFileSync(join(folder, "kernel"), new Uint8Array(4096));
  writeFileSync(
    join(folder, "hyper-lite.config.ts"),
    `import { defineSystem } from "${ROOT}/tool/config.ts";\nexport default defineSystem({ vms: [${vm}], ${settings} });\n`,
  );
  return folder;
};

/** Starts a program of this checkout; `fakeQemu` is the script that QEMU's stand-in runs. */
export const start = (program: string, args: readonly string[], fakeQemu = HALTED_OFF): Running => {
  const env = { ...process.env, FAKE_QEMU: fakeQemu, PATH: `${join(import.meta.dirname, "bin")}:${process.env.PATH}` };
  const child = spawn(program, args, { cwd: ROOT, env, stdio: "pipe" });
  let stdout = "";
  let stderr = "";
  const waiting = new Set<() => void>();
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("latin1");
    for (const look of waiting) look();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.on("error", () => {});
  const ended = once(child, "close").then(([status, signal]) => ({
    status: (signal ?? status) as number | string,
    stdout,
    stderr,
  }));
  return {
    send: (text) => child.stdin.write(text),
    close: () => child.stdin.end(),
    kill: (signal) => child.kill(signal),
    seen: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stdout.includes(text)) resolve();
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`it ended without ${JSON.stringify(text)}: ${stdout}${stderr}`)));
      }),
    ended,
  };
};

export const hyperLite = (args: readonly string[], fakeQemu?: string): Running =>
  start(process.execPath, [join(ROOT, "tool/main.ts"), ...args], fakeQemu);

export const run = (args: readonly string[] = [], fakeQemu?: string): Running =>
  hyperLite(["run", scratchSystem(), ...args], fakeQemu);
