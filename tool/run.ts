// Runs a system with this process's terminal as the VMs' console, and says by its exit code how that ended.

import type { Outcome } from "./board.ts";
import { progress } from "./command.ts";
import { RecordedRun } from "./record/session.ts";
import { type SessionOptions, startSystem } from "./session.ts";
import { Terminal } from "./terminal.ts";
import { exitCodes } from "./user-error.ts";

export interface RunOptions extends Omit<SessionOptions, "record"> {
  /** The file that the run is recorded into. */
  readonly record?: string | undefined;
  /** Seconds after which the run is given up. */
  readonly timeout?: number | undefined;
}

/** Signals that end the run, and the exit code that a shell shows for each. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Why the run was ended from here, and the exit code for it. */
interface Stop {
  readonly code: number;
  readonly message?: string;
}

/** What a shell and its like say for a program that is not there. */
const NOT_FOUND = 127;

/** A guest can forge a last line, but not how QEMU ends behind it. */
const report = ({ halted, qemu }: Outcome): Stop => {
  if (halted?.off && qemu.status === 0) return { code: 0 };
  const code = exitCodes.FAILED;
  if (halted?.off === false) return { code, message: `the run ended in a crash${halted.reason && `: ${halted.reason}`}` };
  const words = qemu.stderr === "" ? "" : `: ${qemu.stderr}`;
  const hint = qemu.status === NOT_FOUND ? "; ./setup.sh installs what is missing" : "";
  return { code, message: `QEMU ended (${qemu.status}) before the hypervisor said how the run ended${words}${hint}` };
};

/** The exit code of the run. */
export const runSystem = async (path: string, options: RunOptions): Promise<number> => {
  const terminal = new Terminal(options.console ?? "lines");
  const recorded = options.record === undefined ? undefined : await RecordedRun.begin(options.record, path);
  const board = await startSystem(path, { ...options, record: recorded?.ring }, terminal);
  let stopped: Stop | undefined;
  const stop = (reason: Stop): void => {
    stopped ??= reason;
    board.stop();
  };
  for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => stop({ code }));
  process.stdout.on("error", () => stop({ code: exitCodes.FAILED }));
  const timeout =
    options.timeout === undefined
      ? undefined
      : setTimeout(() => {
          stop({ code: exitCodes.FAILED, message: `the run did not end within ${options.timeout} s` });
        }, options.timeout * 1000);
  terminal.connect(board, () => stop({ code: 0 }));
  const outcome = await board.ended.finally(() => {
    clearTimeout(timeout);
    terminal.disconnect();
  });
  const { code, message } = stopped ?? report(outcome);
  if (message !== undefined) progress(message);
  if (recorded !== undefined) progress(recorded.save());
  return code;
};
