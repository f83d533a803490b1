// A reporter for node:test: failures in full, the slowest tests, and a last line `N passed, N failed` that counts tests, not the suites
// around them. A test file that crashes counts as failed.

import { basename, relative, resolve } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

type Result = Extract<TestEvent, { type: "test:pass" | "test:fail" }>;
type Failure = Extract<TestEvent, { type: "test:fail" }>;

const SLOWEST = 5;
const ROOT = process.cwd();

/** What is known about a file while its tests are reported, children before parents. */
class FileState {
  /** The names of the tests that are open, by depth. */
  readonly names: string[] = [];
  /** Whether a test at this depth has been reported since its parent began. */
  readonly #reported: boolean[] = [];
  stderr = "";

  /** Notes a result; true if nothing was nested in it. */
  isLeaf(nesting: number): boolean {
    const leaf = this.#reported[nesting + 1] !== true;
    this.#reported[nesting + 1] = false;
    this.#reported[nesting] = true;
    return leaf;
  }
}

const indented = (text: string): string => text.trimEnd().replaceAll(/^/gm, "    ");

/** A stack without the frames of the test runner. */
const stackOf = (error: Error): string => (error.stack ?? error.message).replaceAll(/\n\s+at [^\n]*node:internal[^\n]*/g, "");

const describeError = ({ data }: Failure): string => {
  const { cause, message } = data.details.error;
  if (cause instanceof Error) return stackOf(cause);
  return typeof cause === "string" ? cause : cause === undefined ? message : inspect(cause);
};

const isOwnFailure = ({ data }: Failure): boolean =>
  (data.details.error as { failureType?: string }).failureType !== "subtestsFailed";

class Summary {
  #passed = 0;
  readonly #failures: string[] = [];
  readonly #times: { readonly title: string; readonly ms: number }[] = [];
  readonly #files = new Map<string, FileState>();

  stateOf(file: string | undefined): FileState {
    const key = resolve(file ?? "");
    const state = this.#files.get(key) ?? new FileState();
    this.#files.set(key, state);
    return state;
  }

  /** Counts a result; returns what to print about it at once. */
  add(event: Result): string {
    const { file, name, nesting, details, skip, todo } = event.data;
    const state = this.stateOf(file);
    const leaf = state.isLeaf(nesting) && details.type !== "suite";
    const wholeFile = file !== undefined && nesting === 0 && basename(name) === basename(file);
    if (skip !== undefined || todo !== undefined || (wholeFile && event.type === "test:pass")) return "";
    const title = [relative(ROOT, file ?? ""), ...(wholeFile ? [] : [...state.names.slice(0, nesting), name])].join(" › ");
    if (leaf && !wholeFile) this.#times.push({ title, ms: details.duration_ms });
    if (event.type === "test:fail" && (leaf || isOwnFailure(event))) {
      this.#failures.push(
        `FAILED ${title}\n${indented(describeError(event))}\n${wholeFile ? `${indented(state.stderr)}\n` : ""}`,
      );
      return `FAILED ${title}\n`;
    }
    if (event.type === "test:pass" && leaf) this.#passed += 1;
    return "";
  }

  end(): string {
    const slowest = this.#times.toSorted((a, b) => b.ms - a.ms).slice(0, SLOWEST);
    const lines = slowest.map(({ title, ms }) => `${(ms / 1000).toFixed(1).padStart(6)} s  ${title}`);
    const failures = this.#failures.map((failure) => `\n${failure}`).join("");
    return `${failures}\nThe slowest:\n${lines.join("\n")}\n\n${this.#passed} passed, ${this.#failures.length} failed\n`;
  }
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const summary = new Summary();
  for await (const event of events) {
    if (event.type === "test:start") summary.stateOf(event.data.file).names[event.data.nesting] = event.data.name;
    else if (event.type === "test:stderr") summary.stateOf(event.data.file).stderr += event.data.message;
    else if (event.type === "test:pass" || event.type === "test:fail") yield summary.add(event);
  }
  yield summary.end();
}
