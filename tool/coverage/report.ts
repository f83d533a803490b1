// What was reached of what the counting build counts: lines and arms, by file and in all.

import { keyOf, type Point } from "./counters.ts";

export interface Share {
  readonly reached: number;
  readonly all: number;
}

interface Branch {
  readonly line: number;
  readonly column: number;
  /** What the arm is taken for, and whether it was. */
  readonly kind: Point["kind"];
  readonly reached: boolean;
}

export interface FileCoverage {
  readonly file: string;
  /** Line → whether a statement that begins there has run. */
  readonly lines: ReadonlyMap<number, boolean>;
  readonly arms: readonly Branch[];
}

/** `reached`: keys of points. A point that several functions have, made of one by the compiler, was reached if it was in one of them. */
export function coverageOf(points: readonly Point[], reached: ReadonlySet<string>): FileCoverage[] {
  const files = new Map<string, { lines: Map<number, boolean>; arms: Map<string, Branch> }>();
  for (const point of points) {
    const { file, line, column, kind } = point;
    const entry = files.get(file) ?? { lines: new Map<number, boolean>(), arms: new Map<string, Branch>() };
    files.set(file, entry);
    const key = keyOf(point);
    if (kind === "line") entry.lines.set(line, (entry.lines.get(line) ?? false) || reached.has(key));
    else entry.arms.set(key, { line, column, kind, reached: reached.has(key) });
  }
  return [...files]
    .map(([file, { lines, arms }]) => ({ file, lines, arms: [...arms.values()] }))
    .sort((a, b) => (a.file < b.file ? -1 : 1));
}

export const linesOf = ({ lines }: FileCoverage): Share => ({
  reached: [...lines.values()].filter((one) => one).length,
  all: lines.size,
});
export const armsOf = ({ arms }: FileCoverage): Share => ({
  reached: arms.filter((arm) => arm.reached).length,
  all: arms.length,
});
export const sum = (shares: readonly Share[]): Share =>
  shares.reduce((a, b) => ({ reached: a.reached + b.reached, all: a.all + b.all }), { reached: 0, all: 0 });
export const percent = ({ reached, all }: Share): number => (all === 0 ? 100 : (100 * reached) / all);

/** What is not covered, as `file:line: …`, in the order of the sources. */
export function missing({ file, lines, arms }: FileCoverage): string[] {
  const told = {
    true: "is never true",
    false: "is never false",
    case: "a case that is never taken",
    default: "the default is never taken",
    line: "",
  };
  const found = [
    ...[...lines].filter(([, reached]) => !reached).map(([line]) => ({ line, column: -1, text: "never runs" })),
    ...arms.filter(({ reached }) => !reached).map(({ line, column, kind }) => ({ line, column, text: told[kind] })),
  ].sort((a, b) => a.line - b.line || a.column - b.column);
  return found.map(({ line, column, text }) => `${file}:${line}${column < 0 ? "" : `:${column + 1}`}: ${text}`);
}

/** A line for each file, and one for all. */
export function table(files: readonly FileCoverage[]): string {
  const cell = (share: Share): string =>
    `${percent(share).toFixed(1).padStart(6)} % ${`${share.reached}/${share.all}`.padStart(10)}`;
  const row = (name: string, lines: Share, arms: Share): string => `${name.padEnd(34)}${cell(lines)} ${cell(arms)}`;
  return [
    `${"".padEnd(34)}${"lines".padStart(8)}${"".padStart(11)} ${"branches".padStart(8)}`,
    ...files.map((file) => row(file.file, linesOf(file), armsOf(file))),
    row("all", sum(files.map(linesOf)), sum(files.map(armsOf))),
  ].join("\n");
}

/** The same for tools that read lcov's format (geninfo(1)). */
export function lcov(files: readonly FileCoverage[]): string {
  const number = (reached: boolean): string => (reached ? "1" : "0");
  return files
    .map((file) => {
      const [lines, arms] = [linesOf(file), armsOf(file)];
      return [
        `SF:${file.file}`,
        ...file.arms.map(({ line, reached }, n) => `BRDA:${line},0,${n},${number(reached)}`),
        `BRF:${arms.all}`,
        `BRH:${arms.reached}`,
        ...[...file.lines].sort(([a], [b]) => a - b).map(([line, reached]) => `DA:${line},${number(reached)}`),
        `LF:${lines.all}`,
        `LH:${lines.reached}`,
        "end_of_record\n",
      ].join("\n");
    })
    .join("");
}
