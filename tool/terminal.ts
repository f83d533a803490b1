// Ties this process's standard streams to a board: what a VM prints goes to stdout, log lines to stderr, stdin to the VM. On a terminal,
// keys reach the VM as they are typed, the escape keys leave, and what a guest prints cannot harm the terminal.

import pc from "picocolors";
import type { Board, BoardListener } from "./board.ts";
import { parseLogLine } from "./console.ts";
import { EscapeKeys } from "./escape-keys.ts";
import { TERMINAL_RESET, TerminalFilter } from "./terminal-filter.ts";

const ERROR = 3;
const WARNING = 4;

const coloured = (line: string): string => {
  const { severity } = parseLogLine(line);
  return severity <= ERROR ? pc.red(line) : severity === WARNING ? pc.yellow(line) : pc.dim(line);
};

export class Terminal implements BoardListener {
  readonly #filter = new TerminalFilter();
  /** Whether the VM's last line on the terminal is unfinished. */
  #unfinished = false;
  /** Whether the VM has sent control functions to the terminal. */
  #controlled = false;
  #restore: (() => void) | undefined;

  vm(bytes: Buffer): void {
    if (process.stdout.isTTY) {
      const text = this.#filter.filter(bytes);
      this.#controlled ||= text.includes("\u001b");
      process.stdout.write(text);
    } else {
      process.stdout.write(bytes);
    }
    this.#unfinished = bytes.at(-1) !== 0x0a;
  }

  log(line: string): void {
    if (!process.stderr.isTTY) {
      process.stderr.write(`${line}\n`);
      return;
    }
    const safe = new TerminalFilter().filter(Buffer.from(line, "latin1"));
    process.stderr.write(`${this.#unfinished && process.stdout.isTTY ? "\n" : ""}${coloured(safe)}\n`);
    this.#unfinished = false;
  }

  /** Sends stdin to the board from now on; calls `leave` when the escape keys ask for it. */
  connect(board: Board, leave: () => void): void {
    const { stdin } = process;
    stdin.on("error", () => {});
    if (!stdin.isTTY) {
      stdin.pipe(board.input, { end: false });
      return;
    }
    const keys = new EscapeKeys();
    this.#restore = (): void => {
      stdin.setRawMode(false);
      if (this.#controlled) process.stdout.write(TERMINAL_RESET);
    };
    process.once("exit", this.#restore);
    stdin.setRawMode(true);
    stdin.on("data", (typed: Buffer) => {
      const { forward, leave: left } = keys.feed(typed);
      if (forward.length > 0) board.input.write(forward);
      if (left) leave();
    });
  }

  /** Gives the terminal back. */
  disconnect(): void {
    process.stdin.unpipe();
    process.stdin.pause();
    if (this.#restore === undefined) return;
    process.removeListener("exit", this.#restore);
    this.#restore();
    this.#restore = undefined;
    if (this.#unfinished) process.stderr.write("\n");
  }
}
