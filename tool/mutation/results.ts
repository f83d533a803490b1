// What is known of a fault from earlier runs, kept under build/mutation/: an interruption loses nothing, and after a change of tests those run again that
// have changed.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { BUILD } from "../paths.ts";

export interface Known {
  /** The file that has caught it, in what state (suite.ts), and the test that failed, or how the file ended. */
  caught?: { readonly file: string; readonly state: string; readonly failed: string };
  /** Files that have passed → their states. */
  readonly passed: Record<string, string>;
}

const FOLDER = join(BUILD, "mutation/known");

export const readJson = <T>(path: string): T | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as T) : undefined;

export const writeJson = (path: string, value: unknown): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(value, null, 1));
  renameSync(`${path}.${process.pid}`, path);
};

/** `key`: of the fault. */
export const pathOf = (key: string): string =>
  join(FOLDER, `${createHash("sha256").update(key).digest("hex").slice(0, 24)}.json`);
