// Takes the serial line of the board apart into what VMs print and what the hypervisor logs (abi/console.ts). It works on a stream that
// may be cut anywhere, changes no byte of a VM, and holds back no more than what may still turn out to be the start of a log line. A VM that
// prints what looks like a log line, or LINE_BREAK before one, fools nobody but the reader of its own output: the last line decides.

import { consoleMarks, logModules } from "../abi/console.ts";

export interface ConsoleSink {
  /** Bytes that a VM printed. */
  vm(bytes: Buffer): void;
  /** One log line, without its end of line. */
  log(line: string): void;
}

export interface LogLine {
  readonly severity: number;
  /** Set on the last line of a run. */
  readonly halted?: { readonly off: boolean; readonly reason: string } | undefined;
}

/** A pattern as a sequence of parts, so that it can also match what is only the start of it. */
type Parts = readonly string[];

const SIX_DIGITS = Array.from({ length: 6 }, () => "\\d");
const STAMP: Parts = ["<", "[0-7]", ">", "\\[", " {0,12}", "\\d{1,12}", "\\.", ...SIX_DIGITS, "\\]", " "];
const letters = (text: string): Parts => [...text];
const CPU: Parts = [...letters("cpu"), "\\d{1,5}", " "];
const VM: Parts = [...letters("vm"), "\\d{1,5}", " "];

const headers: readonly Parts[] = [
  ...logModules.flatMap((module) => [
    [...STAMP, ...CPU, ...letters(`${module}: `)],
    [...STAMP, ...CPU, ...VM, ...letters(`${module}: `)],
  ]),
  [...STAMP, ...letters(consoleMarks.HALTED_OFF)],
  [...STAMP, ...letters(consoleMarks.HALTED_CRASH)],
];
const LINE_BREAK: Parts = [...consoleMarks.LINE_BREAK];

const whole = (parts: Parts): string => parts.join("");
const start = (parts: Parts): string => parts.reduceRight((rest, part) => `(?:${part}${rest})?`, "");
const anyOf = (patterns: readonly string[]): string => patterns.map((pattern) => `(?:${pattern})`).join("|");

/** The two ways in which a log line begins: at the start of a line, and behind a mark that ends a VM's unfinished line. */
const atLineStart = headers;
const anywhere = headers.map((parts) => [...LINE_BREAK, ...parts]);

const sticky = (pattern: string): RegExp => new RegExp(pattern, "y");
const wholeAtLineStart = sticky(anyOf([...atLineStart, ...anywhere].map(whole)));
const wholeAnywhere = sticky(anyOf(anywhere.map(whole)));
const startAtLineStart = sticky(`(?:${anyOf([...atLineStart, ...anywhere].map(start))})$`);
const startAnywhere = sticky(`(?:${anyOf(anywhere.map(start))})$`);

const matchesAt = (pattern: RegExp, text: string, index: number): boolean => {
  pattern.lastIndex = index;
  return pattern.test(text);
};

const RECORD_SEPARATOR = consoleMarks.LINE_BREAK[0]!;
const candidate = new RegExp(`[\\n${RECORD_SEPARATOR}]`, "g");

/** A guest can forge a log line; one without an end must not fill the memory. */
const LOG_LINE_MAX = 4096;

export class ConsoleSplitter {
  readonly #sink: ConsoleSink;
  /** Bytes (as Latin-1) that may be the start of a log line. */
  #held = "";
  /** How many of them a release has handed to the VM's output already. */
  #released = 0;
  #lineStart = true;
  /** The log line that is being read, or undefined outside of one. */
  #log: string | undefined;

  constructor(sink: ConsoleSink) {
    this.#sink = sink;
  }

  /** Whether something is held back. */
  get holds(): boolean {
    return this.#held.length > this.#released;
  }

  push(chunk: Uint8Array): void {
    let text = this.#held + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1");
    this.#held = "";
    while (text !== "") text = this.#log === undefined ? this.#readVm(text) : this.#readLog(text);
  }

  /** Hands out what is held back, for it stayed unfinished: a prompt. If a log line comes of it all the same, that is still seen. */
  release(): void {
    this.#emit(this.#held.slice(this.#released));
    this.#released = this.#held.length;
  }

  /** The end of the stream. */
  end(): void {
    this.release();
    if (this.#log !== undefined && this.#log !== "") this.#sink.log(this.#log);
    this.#log = undefined;
  }

  #emit(text: string): void {
    if (text !== "") this.#sink.vm(Buffer.from(text, "latin1"));
  }

  /** Emits a VM's bytes up to `index`, less those that were released before. */
  #emitUpTo(text: string, index: number): void {
    this.#emit(text.slice(this.#released, index));
    this.#released = Math.max(0, this.#released - index);
  }

  /** Reads a VM's output up to the next log line; returns what is left. */
  #readVm(text: string): string {
    let index = 0;
    while (index < text.length) {
      if (matchesAt(this.#lineStart ? wholeAtLineStart : wholeAnywhere, text, index)) {
        this.#emitUpTo(text, index);
        this.#released = 0;
        this.#log = "";
        return text.slice(text.startsWith(consoleMarks.LINE_BREAK, index) ? index + consoleMarks.LINE_BREAK.length : index);
      }
      if (matchesAt(this.#lineStart ? startAtLineStart : startAnywhere, text, index)) {
        this.#emitUpTo(text, index);
        this.#held = text.slice(index);
        return "";
      }
      index = this.#nextCandidate(text, index);
    }
    this.#emitUpTo(text, index);
    return "";
  }

  /** Where a log line may begin next: behind a line feed, or at a record separator. */
  #nextCandidate(text: string, index: number): number {
    candidate.lastIndex = text[index] === RECORD_SEPARATOR ? index + 1 : index;
    const found = candidate.exec(text)?.index ?? text.length;
    this.#lineStart = text[found] === "\n";
    return this.#lineStart ? found + 1 : found;
  }

  #readLog(text: string): string {
    const end = text.indexOf("\n");
    const part = end < 0 ? text : text.slice(0, end);
    this.#log += part;
    if (end < 0 && this.#log!.length < LOG_LINE_MAX) return "";
    this.#sink.log(this.#log!.replace(/\r$/, ""));
    this.#log = end < 0 ? "" : undefined;
    this.#lineStart = true;
    return end < 0 ? "" : text.slice(end + 1);
  }
}

const LINE = /^<([0-7])>\[[^\]]*\] (?:halted: (off|crash)(?: (.*))?)?/;

/** What a log line says to machines. */
export const parseLogLine = (line: string): LogLine => {
  const match = LINE.exec(line);
  const halted = match?.[2] === undefined ? undefined : { off: match[2] === "off", reason: match[3] ?? "" };
  return { severity: Number(match?.[1] ?? 6), halted };
};
