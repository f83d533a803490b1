// Drives a VM's console in a test: wait for this, send that, see how it ended. Times are guards against a hang, nothing more.

import { join } from "node:path";
import type { Board, BoardListener, Outcome } from "../../tool/board.ts";
import type { SystemConfig } from "../../tool/config.ts";
import { BUILD, ROOT } from "../../tool/paths.ts";
import { type SessionOptions, startBoard, startSystem } from "../../tool/session.ts";
import { buildConfig } from "../../tool/system.ts";

export interface BootOptions extends SessionOptions {
  /** A folder with a configuration, relative to the checkout; or the configuration itself, paths in it relative to build/guests/. */
  readonly system?: string | SystemConfig;
  /** What to put in a bundle's place, where no system is named. */
  readonly bundle?: Buffer;
}

export interface End extends Outcome {
  /** Everything that the VM printed, and every log line. */
  readonly output: string;
  /** What one VM of several printed. */
  readonly of: (name: string) => string;
  readonly logs: readonly string[];
}

const GUARD_SECONDS = 120;
const SHOWN = 2000;

/** A stream of text that can be searched as it comes; what a search has found, and what lay before it, is used up. */
class Transcript {
  text = "";
  #used = 0;

  /** What one VM of several has printed, without the prefix of its lines (docs/consoles.md). */
  of(name: string): string {
    const prefix = `${name}| `;
    const lines = this.text.split("\n").filter((line) => line.startsWith(prefix));
    return lines.map((line) => `${line.slice(prefix.length)}\n`).join("");
  }

  find(pattern: RegExp): RegExpExecArray | undefined {
    const match = pattern.exec(this.text.slice(this.#used));
    if (match === null) return undefined;
    this.#used += match.index + match[0].length;
    return match;
  }
}

const literal = (text: string): RegExp => new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));

export class Vm implements BoardListener {
  readonly #output = new Transcript();
  readonly #logs = new Transcript();
  readonly #decoder = new TextDecoder();
  readonly #waiting = new Set<() => void>();
  #board: Board | undefined;
  #ended: Outcome | undefined;

  vm(bytes: Buffer): void {
    this.#output.text += this.#decoder.decode(bytes, { stream: true });
    this.#wake();
  }

  log(line: string): void {
    this.#logs.text += `${line}\n`;
    this.#wake();
  }

  /** Called once, with the board that this VM listens to. */
  attach(board: Board): void {
    this.#board = board;
    void board.ended.then((outcome) => {
      this.#ended = outcome;
      this.#wake();
    });
  }

  /** Waits until the VM prints this. */
  expect(pattern: string | RegExp): Promise<RegExpExecArray> {
    return this.#await(this.#output, pattern);
  }

  /** Waits until one VM of several prints this on a line of its own; it is found once for each VM. */
  expectFrom(name: string, pattern: RegExp): Promise<RegExpExecArray> {
    return this.#until(`${pattern} of ${name}`, () => pattern.exec(this.#output.of(name)) ?? undefined);
  }

  /** What one VM of several has printed up to now. */
  of(name: string): string {
    return this.#output.of(name);
  }

  /** Everything that has been printed up to now. */
  get output(): string {
    return this.#output.text;
  }

  /** Waits until the hypervisor logs this. */
  expectLog(pattern: string | RegExp): Promise<RegExpExecArray> {
    return this.#await(this.#logs, pattern);
  }

  send(text: string): void {
    this.#board!.input.write(text);
  }

  /** Waits until the board has ended by itself. */
  async end(): Promise<End> {
    const outcome = await this.#until("the end", () => this.#ended);
    const of = (name: string): string => this.#output.of(name);
    return { ...outcome, output: this.#output.text, of, logs: this.#logs.text.trimEnd().split("\n") };
  }

  /** Cuts the board's power, and waits until it is off. */
  async kill(): Promise<void> {
    this.#board!.kill();
    await this.#board!.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#board!.stop();
    await this.#board!.ended;
  }

  #await(transcript: Transcript, pattern: string | RegExp): Promise<RegExpExecArray> {
    const regExp = typeof pattern === "string" ? literal(pattern) : pattern;
    return this.#until(String(pattern), () => transcript.find(regExp));
  }

  #wake(): void {
    for (const look of this.#waiting) look();
  }

  #until<T>(what: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void): void => {
        clearTimeout(guard);
        this.#waiting.delete(attempt);
        settle();
      };
      const fail = (why: string): void => done(() => reject(new Error(`${why} waiting for ${what}; ${this.#tail()}`)));
      const attempt = (): void => {
        const found = look();
        if (found !== undefined) done(() => resolve(found));
        else if (this.#ended !== undefined) fail("the board ended");
      };
      const guard = setTimeout(() => fail(`${GUARD_SECONDS} s passed`), GUARD_SECONDS * 1000);
      this.#waiting.add(attempt);
      attempt();
    });
  }

  #tail(): string {
    const qemu = this.#ended?.qemu.stderr ?? "";
    return `the VM printed:\n${this.#output.text.slice(-SHOWN)}\nthe log:\n${this.#logs.text.slice(-SHOWN)}${qemu && `\nQEMU: ${qemu}`}`;
  }
}

/** Starts a board; use it with `await using`, so that it ends with the test. */
export const boot = async (options: BootOptions): Promise<Vm> => {
  const vm = new Vm();
  const { system, bundle } = options;
  if (typeof system === "string") {
    vm.attach(await startSystem(join(ROOT, system), options, vm));
  } else {
    const built = system === undefined ? undefined : await buildConfig(system, join(BUILD, "guests"), options);
    const { board, nets, disks, pipe } = built ?? {};
    vm.attach(startBoard(built?.bundle ?? bundle, { ...options, ...board, nets, disks, pipe }, vm));
  }
  return vm;
};
