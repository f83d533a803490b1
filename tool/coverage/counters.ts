// What the counting build counts, and what a process, or a thread of it, that ran it has counted: a file for each of its modules, put together by report.ts.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";

export interface Place {
  /** As it stands in the repository: src/… */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 0. */
  readonly column: number;
}

export interface Point extends Place {
  /** A statement begins here; or an arm is taken: of a condition that is true, or false; of a switch. */
  readonly kind: "line" | "true" | "false" | "case" | "default";
  /** How many of this kind in the same function stand at the same place: `a && b && c` has two conditions. */
  readonly before: number;
}

/** The same point has the same key in each module that has it. */
export const keyOf = ({ file, line, column, kind, before }: Point): string => `${file}:${line}:${column} ${kind} ${before}`;

/** The import of the memory that the counters are in, a byte for each point. */
export const COUNTERS = { module: "coverage", name: "counters" };

/** The folder of the counting build, if this process is to run it. */
export const countingFolder = process.env.HYPER_LITE_COVERAGE;

let modules = 0;

/** The counters of all instances of a module in this thread; at its end, the points that were reached are written into `folder`. */
export function counters(points: readonly Point[], folder: string): Record<string, Record<string, WebAssembly.Memory>> {
  const pages = Math.ceil(points.length / 0x1_0000);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const file = join(folder, `${process.pid}-${threadId}-${modules++}.txt`);
  process.once("exit", () => {
    const bytes = new Uint8Array(memory.buffer);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      file,
      points
        .filter((_, n) => bytes[n] !== 0)
        .map((point) => `${keyOf(point)}\n`)
        .join(""),
    );
  });
  return { [COUNTERS.module]: { [COUNTERS.name]: memory } };
}
