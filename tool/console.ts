// Takes the serial line of the board apart into what VMs print, what the hypervisor logs and what its console says (abi/console.ts), as it comes: a
// chunk may be cut anywhere, no byte of a VM is held back, changed or lost.

import { consoleMarks } from "../abi/console.ts";

export interface ConsoleSink {
  /** Bytes that a VM printed. */
  vm(bytes: Buffer): void;
  /** One log line, without its end of line. */
  log(line: string): void;
  /** One line of the console itself, likewise. `switched`: what VMs print behind it comes from another one than before. */
  note?(line: string, switched: boolean): void;
}

export interface LogLine {
  readonly severity: number;
  /** Set on the last line of a run. */
  readonly halted?: { readonly off: boolean; readonly reason: string } | undefined;
}

const { MARK, NOTE, SWITCH } = consoleMarks;
const CR = 0x0d;
const LF = 0x0a;

export class ConsoleSplitter {
  readonly #sink: ConsoleSink;
  /** Where the next byte belongs: a VM's output; behind a mark; behind the CR that ends a VM's unfinished line; a line of the hypervisor. */
  #state: "vm" | "mark" | "break" | "line" = "vm";
  /** What the mark said of the line. */
  #kind: "log" | "note" | "switch" = "log";
  #line: number[] = [];

  constructor(sink: ConsoleSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    const output: number[] = [];
    const flush = (): void => {
      if (output.length > 0) this.#sink.vm(Buffer.from(output));
      output.length = 0;
    };
    for (const byte of chunk) {
      if (this.#state === "vm" && byte !== MARK) output.push(byte);
      else if (this.#state === "mark" && this.#kind === "log" && byte === MARK) {
        output.push(byte);
        this.#state = "vm";
      } else if (this.#state === "line" && byte === LF) {
        flush();
        this.#endLine();
      } else {
        this.#next(byte);
      }
    }
    flush();
  }

  /** A byte that belongs to no VM, and does not end a line. */
  #next(byte: number): void {
    if (this.#state === "vm") {
      this.#state = "mark";
      this.#kind = "log";
    } else if (this.#state === "mark" && byte === NOTE) this.#kind = "note";
    else if (this.#state === "mark" && byte === SWITCH) this.#kind = "switch";
    else if (this.#state === "mark" && byte === CR) this.#state = "break";
    else if (this.#state === "break") this.#state = "line";
    else {
      this.#state = "line";
      this.#line.push(byte);
    }
  }

  /** The end of the stream. */
  end(): void {
    if (this.#line.length > 0) this.#endLine();
  }

  #endLine(): void {
    const line = Buffer.from(this.#line).toString("latin1").replace(/\r$/, "");
    if (this.#kind === "log") this.#sink.log(line);
    else this.#sink.note?.(line, this.#kind === "switch");
    this.#line = [];
    this.#state = "vm";
  }
}

const LINE = /^<([0-7])>\[[^\]]*\] (?:halted: (off|crash)(?: (.*))?)?/;

/** What a log line says to machines. */
export const parseLogLine = (line: string): LogLine => {
  const match = LINE.exec(line);
  const halted = match?.[2] === undefined ? undefined : { off: match[2] === "off", reason: match[3] ?? "" };
  return { severity: Number(match?.[1] ?? 6), halted };
};
