// Faults that can be seeded into src/, and which of them a seed draws: by turns of each operator, and of each in a folder that has had few for its size, so
// that neither what is frequent in the sources nor what is long is all that is looked at.

import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { oneOf, type Random, randomOf } from "../../sim/random.ts";
import { lineOf, parse, type Source, walk } from "../chain/sources.ts";
import { ROOT } from "../paths.ts";
import { type Edit, operators } from "./operators.ts";

/** What names a fault for as long as its place stays as it is. */
export interface FaultName {
  readonly file: string;
  /** The function that it is in; "" at top level. */
  readonly within: string;
  /** The lines that it changes, and what they become, with single spaces. */
  readonly from: string;
  readonly to: string;
  /** How many of the same stand before it in the same function. */
  readonly before: number;
}

export interface Fault extends FaultName {
  readonly operator: string;
  readonly line: number;
  readonly edit: Edit;
}

/** The sources of the core, as asc reads them. */
export const sourcesOfCore = (): Source[] =>
  globSync("src/**/*.ts", { cwd: ROOT, exclude: ["src/**/*.tsc.ts"] })
    .sort()
    .map((path) => parse(path, readFileSync(join(ROOT, path), "utf8")));

export const applied = (text: string, { start, end, text: instead }: Edit): string =>
  text.slice(0, start) + instead + text.slice(end);

const functionAround = (node: ts.Node): string => {
  if (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) return node.name?.getText() ?? "";
  return node.parent === undefined ? "" : functionAround(node.parent);
};

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

const named = ({ path, tree }: Source, node: ts.Node, edit: Edit): Omit<FaultName, "before"> => {
  const { text } = tree;
  const from = text.lastIndexOf("\n", edit.start - 1) + 1;
  const end = text.indexOf("\n", edit.end);
  const lines = text.slice(from, end);
  const changed = applied(lines, { ...edit, start: edit.start - from, end: edit.end - from });
  return { file: path, within: functionAround(node), from: oneLine(lines), to: oneLine(changed) };
};

/** What names a fault, as text. */
export const keyOf = ({ file, within, from, to, before }: FaultName): string => JSON.stringify([file, within, from, to, before]);

/** Every fault of the sources, in their order, by operators. */
export function faultsIn(sources: readonly Source[]): Map<string, Fault[]> {
  const faults = new Map<string, Fault[]>(operators.map(({ name }) => [name, []]));
  const counted = new Map<string, number>();
  for (const source of sources) {
    walk(source.tree, (node) => {
      for (const { name: operator, edits } of operators) {
        for (const edit of edits(node)) {
          const name = named(source, node, edit);
          const first = keyOf({ ...name, before: 0 });
          const before = counted.get(first) ?? 0;
          counted.set(first, before + 1);
          faults.get(operator)?.push({ ...name, before, operator, line: lineOf(source.tree, edit.start), edit });
        }
      }
    });
  }
  return faults;
}

const shuffled = <T>(random: Random, list: readonly T[]): T[] => {
  const rest = [...list];
  return list.map(() => rest.splice(random(rest.length), 1)[0] as T);
};

/** A chance from 0 to 1. */
const chance = (random: Random): number => random(2 ** 32) / 2 ** 32;

/** The one whose `value` is the least. */
const leastOf = <T>(list: readonly T[], value: (one: T) => number): T =>
  list.map((one) => [value(one), one] as const).reduce((least, next) => (next[0] < least[0] ? next : least))[1];

const filesOf = (faults: readonly Fault[]): string[] => [...new Set(faults.map(({ file }) => file))];

/** How often a folder is drawn: by the root of the number of its faults. */
const weightsOf = (faults: ReadonlyMap<string, readonly Fault[]>): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const { file } of [...faults.values()].flat()) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  return new Map([...counts].map(([folder, count]) => [folder, Math.sqrt(count)]));
};

/** Faults without an end but that of the sources, none twice. */
export function* drawn(faults: ReadonlyMap<string, readonly Fault[]>, seed: number): Generator<Fault, void> {
  const random = randomOf(seed);
  const left = shuffled(
    random,
    [...faults.values()].map((list) => [...list]),
  );
  const weights = weightsOf(faults);
  const times = new Map<string, number>();
  while (left.some((list) => list.length > 0)) {
    for (const list of left) {
      if (list.length === 0) continue;
      const folders = [...new Set(list.map(({ file }) => dirname(file)))];
      const folder = leastOf(folders, (one) => ((times.get(one) ?? 0) + chance(random)) / (weights.get(one) ?? 1));
      times.set(folder, (times.get(folder) ?? 0) + 1);
      const file = oneOf(
        random,
        filesOf(list).filter((one) => dirname(one) === folder),
      );
      const fault = oneOf(
        random,
        list.filter((one) => one.file === file),
      );
      list.splice(list.indexOf(fault), 1);
      yield fault;
    }
  }
}
