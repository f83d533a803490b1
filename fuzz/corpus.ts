// The corpora of the fuzzers, packed: for each target a file with a line for each input, its bytes in base64. Lines are sorted, so that a change of a corpus is
// a change of its lines. What crashed once is in a file of its own, which no fuzzer writes anew.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "../tool/paths.ts";
import type { Target } from "./format.ts";

const FOLDER = join(ROOT, "fuzz/corpus");
const pathOf = (folder: string, target: Target): string => join(folder, `${target}.txt`);
const crashesOf = (folder: string, target: Target): string => join(folder, `${target}-crashes.txt`);

const linesOf = (path: string): string[] =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .split("\n")
        .filter((line) => line !== "")
    : [];
const byLength = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : 1);

const write = (path: string, lines: readonly string[]): void => {
  mkdirSync(dirname(path), { recursive: true });
  const sorted = [...new Set(lines)].sort(byLength);
  writeFileSync(path, sorted.map((line) => `${line}\n`).join(""));
};
const line = (input: Uint8Array): string => Buffer.from(input).toString("base64");

/** Every input of a target, and what crashed once: each once, for what crashed may reach something too. */
export const readCorpus = (target: Target, folder = FOLDER): Buffer[] => {
  const lines = [...linesOf(pathOf(folder, target)), ...linesOf(crashesOf(folder, target))];
  return [...new Set(lines)].map((text) => Buffer.from(text, "base64"));
};

export const writeCorpus = (target: Target, inputs: readonly Uint8Array[], folder = FOLDER): void =>
  write(pathOf(folder, target), inputs.map(line));

/** Keeps an input that crashed; returns the file that it is in. */
export const keepCrash = (target: Target, input: Uint8Array, folder = FOLDER): string => {
  const path = crashesOf(folder, target);
  write(path, [...linesOf(path), line(input)]);
  return path;
};

/** The name of the file that an input is in. */
export const nameOf = (input: Uint8Array): string => createHash("sha1").update(input).digest("hex");

/** Puts inputs into a folder of their own, a file each, as libFuzzer has them. */
export const unpack = (folder: string, inputs: readonly Uint8Array[]): void => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const input of inputs) writeFileSync(join(folder, nameOf(input)), input);
};

export const packed = (folder: string): Buffer[] => readdirSync(folder).map((name) => readFileSync(join(folder, name)));
