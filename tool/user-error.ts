// A mistake of the user or a fault of the machine the tool runs on: one clear message and an exit code, never a stack trace.

import { getSystemErrorMap, inspect, types } from "node:util";

export const exitCodes = { FAILED: 1, USAGE: 2, CONFIG: 3, PACKAGES: 4 };

export class UserError extends Error {
  override readonly name = "UserError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.FAILED) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** What went wrong, whatever was thrown. */
export const messageOf = (thrown: unknown): string => {
  if (!types.isProxy(thrown) && thrown instanceof Error) return String(thrown.message || thrown.name);
  return typeof thrown === "string" ? thrown : inspect(thrown);
};

/** Why the system did not do it, in its own words, such as "no such file or directory". */
export const systemCause = (thrown: unknown): string => {
  const { errno } = (thrown ?? {}) as NodeJS.ErrnoException;
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? messageOf(thrown);
};

/** A text that may hold what others chose, such as a name or a path: nothing in it controls a terminal. */
export const printable = (text: string): string =>
  text.replaceAll(/[^\P{Cc}\n\t]/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`);
