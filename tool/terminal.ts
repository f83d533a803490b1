// Ties this process's standard streams to a board: what VMs print goes to stdout, log lines to stderr, stdin to the console in the core. On a
// terminal, keys reach it as they are typed, the escape keys leave, and what a guest prints harms neither the terminal nor what another one prints.

import pc from "picocolors";
import type { Board, BoardListener } from "./board.ts";
import type { ConsoleMode } from "./bundle.ts";
import { parseLogLine } from "./console.ts";
import { EscapeKeys } from "./escape-keys.ts";
import { showsAlternateScreen, TerminalFilter, terminalReset } from "./terminal-filter.ts";

const ERROR = 3;
const WARNING = 4;
const LF = 0x0a;

const coloured = (line: string): string => {
  const { severity } = parseLogLine(line);
  return severity <= ERROR ? pc.red(line) : severity === WARNING ? pc.yellow(line) : pc.dim(line);
};

/** A line of the hypervisor, as a terminal may show it. */
const safe = (line: string): string => new TerminalFilter().filter(Buffer.from(line, "latin1"));

/** The bytes, cut behind each end of line. */
const lines = (bytes: Buffer): Buffer[] => {
  const result: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const at = bytes.indexOf(LF, from);
    const to = at === -1 ? bytes.length : at + 1;
    result.push(bytes.subarray(from, to));
    from = to;
  }
  return result;
};

export class Terminal implements BoardListener {
  readonly #mode: ConsoleMode;
  #filter = new TerminalFilter();
  /** Whether the last line of a VM on the terminal is unfinished. */
  #unfinished = false;
  /** Whether the VM has sent control functions to the terminal, and what they have left it at. */
  #controlled = false;
  #alternateScreen = false;
  #restore: (() => void) | undefined;

  constructor(mode: ConsoleMode) {
    this.#mode = mode;
  }

  vm(bytes: Buffer): void {
    this.#unfinished = bytes.at(-1) !== LF;
    if (!process.stdout.isTTY) {
      process.stdout.write(bytes);
      return;
    }
    // Line by line, the next one may be another VM's.
    for (const part of this.#mode === "lines" ? lines(bytes) : [bytes]) {
      const text = this.#filter.filter(part);
      this.#controlled ||= text.includes("\u001b");
      this.#alternateScreen = showsAlternateScreen(text, this.#alternateScreen);
      process.stdout.write(text);
      if (this.#mode === "lines" && part.at(-1) === LF) this.#reset();
    }
  }

  log(line: string): void {
    if (process.stderr.isTTY) {
      this.#endLine(process.stderr);
      process.stderr.write(`${coloured(safe(line))}\n`);
    } else process.stderr.write(`${line}\n`);
  }

  note(line: string, switched: boolean): void {
    if (!process.stdout.isTTY) {
      process.stderr.write(`${line}\n`);
      return;
    }
    if (switched) this.#reset();
    // What follows may be shown once more, or long after it was printed: nobody waits for an answer, which would be typed for whoever has the focus.
    this.#filter.queries = false;
    this.#endLine(process.stdout);
    process.stdout.write(`${(switched ? pc.bold : pc.dim)(safe(line))}\n`);
  }

  /** Sends stdin to the board from now on; calls `leave` when the escape keys ask for it. */
  connect(board: Board, leave: () => void): void {
    const { stdin } = process;
    stdin.on("error", () => {});
    if (!stdin.isTTY) {
      stdin.pipe(board.input, { end: false });
      return;
    }
    const keys = new EscapeKeys(this.#mode === "terminal");
    this.#restore = (): void => {
      stdin.setRawMode(false);
      this.#reset();
    };
    process.once("exit", this.#restore);
    stdin.setRawMode(true);
    stdin.on("data", (typed: Buffer) => {
      const { forward, leave: left } = keys.feed(typed);
      if (forward.length > 0) {
        board.input.write(forward);
        this.#filter.queries = true;
      }
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

  /** Nothing that a VM has begun or set reaches what follows. */
  #reset(): void {
    this.#filter = new TerminalFilter(this.#filter.queries);
    if (this.#controlled) process.stdout.write(terminalReset(this.#alternateScreen));
    this.#controlled = false;
    this.#alternateScreen = false;
  }

  /** What follows stands on a line of its own. */
  #endLine(stream: NodeJS.WriteStream): void {
    if (this.#unfinished && process.stdout.isTTY) stream.write("\n");
    this.#unfinished = false;
  }
}
