// A mistake of the user or a fault of the machine the tool runs on: one clear message and an exit code, never a stack trace.

import { inspect, types } from "node:util";

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
