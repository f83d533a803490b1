// One mistake in a configuration: where it is and which rule it breaks; and the error that carries all of them to the user.

import type { z } from "zod";
import { exitCodes, UserError } from "../user-error.ts";

export interface Mistake {
  /** `vms[0].memory`; empty for the configuration as a whole. */
  readonly place: string;
  readonly rule: string;
}

export class ConfigError extends UserError {
  readonly mistakes: readonly Mistake[];

  /** `file` stands before each line. */
  constructor(mistakes: readonly Mistake[], file?: string) {
    const lines = mistakes.map(({ place, rule }) =>
      [file, place, rule].filter((part) => part !== undefined && part !== "").join(": "),
    );
    // A mistake is one line, whatever a key or a path in it holds.
    super(lines.map((line) => line.replaceAll("\n", "\\n")).join("\n"), exitCodes.CONFIG);
    this.mistakes = mistakes;
  }
}

/** What follows a place for a part of it: `[0]`, `.memory`, or `["a b"]` for a key that is no plain word. */
export const partOf = (key: PropertyKey): string => {
  if (typeof key === "number") return `[${key}]`;
  const word = String(key);
  return /^[\w$-]+$/.test(word) ? `.${word}` : `[${JSON.stringify(word)}]`;
};

export const placeOf = (path: readonly PropertyKey[]): string => path.map(partOf).join("").replace(/^\./, "");

const isInside = (issue: z.core.$ZodIssue): boolean => issue.path.length > 0 || issue.code === "unrecognized_keys";

/** What is wrong with a value of several forms: what the form says whose outside it has, or that it has none of them. */
const unionMistakes = (issue: z.core.$ZodIssueInvalidUnion, path: readonly PropertyKey[]): Mistake[] => {
  const meant = issue.errors.find((issues) => issues.length > 0 && issues.every(isInside));
  return meant?.flatMap((inner) => mistakesOf(inner, path)) ?? [{ place: placeOf(path), rule: issue.message }];
};

/** The mistakes that an issue of zod stands for; `outer` leads to the value that its path starts at. */
export const mistakesOf = (issue: z.core.$ZodIssue, outer: readonly PropertyKey[] = []): Mistake[] => {
  const path = [...outer, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ place: placeOf([...path, key]), rule: issue.message }));
  }
  if (issue.code === "invalid_union") return unionMistakes(issue, path);
  return [{ place: placeOf(path), rule: issue.message }];
};
