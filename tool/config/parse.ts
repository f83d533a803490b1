// Checks the values of a configuration and fills in defaults. What is wrong in one place must not hide what is wrong in another, so there
// is a draft as well: all that is right, with nothing where something is wrong.

import { z } from "zod";
import { ConfigError, type Mistake, mistakesOf } from "./mistakes.ts";
import { type FileSource, type LogLevels, logLevels, type System, systemSchema } from "./schema.ts";

/** A value in which every setting may be missing; lists and objects are there, if empty. A file's source is whole, or missing. */
export type Draft<T> = T extends FileSource | undefined
  ? T | undefined
  : T extends readonly (infer Item)[]
    ? readonly Draft<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]?: Draft<T[Key]> | undefined }
      : T | undefined;

export interface Parsed {
  /** Set when nothing is wrong. */
  readonly system: System | undefined;
  readonly draft: Draft<System>;
  readonly mistakes: readonly Mistake[];
}

const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

/** What of a value is right: an object's fields and a list's items, each for itself. */
const salvage = (schema: z.core.$ZodType, value: unknown): unknown => {
  const whole = z.safeParse(schema, value);
  if (whole.success) return whole.data;
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return salvage(schema.unwrap(), value);
  }
  if (schema instanceof z.ZodObject) {
    const fields = fieldsOf(value);
    return Object.fromEntries(
      Object.entries<z.core.$ZodType>(schema.shape).map(([key, field]) => [key, salvage(field, fields[key])]),
    );
  }
  if (schema instanceof z.ZodArray) return Array.isArray(value) ? value.map((item) => salvage(schema.element, item)) : [];
  return schema instanceof z.ZodTuple ? [] : undefined;
};

/** Reads a configuration: what is right in it, and every value that breaks a rule by itself. */
export const parseSystem = (value: unknown): Parsed => {
  const result = systemSchema.safeParse(value);
  if (result.success) return { system: result.data, draft: result.data, mistakes: [] };
  const draft = salvage(systemSchema, value) as Draft<System>;
  return { system: undefined, draft, mistakes: result.error.issues.flatMap((issue) => mistakesOf(issue)) };
};

/** Reads `vgic=debug,sched=info`, as the command line has it; throws a ConfigError. */
export const parseLogLevels = (text: string): LogLevels => {
  const result = logLevels.safeParse(Object.fromEntries(text.split(",").map((pair) => pair.split("=") as [string, string])));
  if (result.success) return result.data;
  const mistakes = result.error.issues.flatMap((issue) => mistakesOf(issue));
  throw new ConfigError(mistakes.map(({ place, rule }) => ({ place: `--log-levels: ${place}`, rule })));
};
