// Checks the values of a configuration and fills in defaults. What is wrong in one place must not hide what is wrong in another, so there
// is a draft as well: all that is right, with nothing where something is wrong.

import { z } from "zod";
import { exitCodes, messageOf, UserError } from "../user-error.ts";
import { type Mistake, mistakesOf, placeOf } from "./mistakes.ts";
import { rules } from "./rules.ts";
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

type Path = readonly PropertyKey[];

/** The mistakes that reading itself makes: a getter or a proxy of a configuration in TypeScript may throw. */
class Unreadable {
  readonly mistakes: Mistake[] = [];

  /** What `get` returns; if it throws, a mistake at this place, unless one was found further inside. */
  read<Value>(path: Path, get: () => Value): Value | undefined {
    const before = this.mistakes.length;
    try {
      return get();
    } catch (thrown) {
      if (this.mistakes.length === before)
        this.mistakes.push({ place: placeOf(path), rule: rules.UNREADABLE(messageOf(thrown)) });
      return undefined;
    }
  }
}

const wholeOf = (schema: z.core.$ZodType, value: unknown): { readonly data: unknown } | undefined => {
  try {
    const result = z.safeParse(schema, value);
    return result.success ? { data: result.data } : undefined;
  } catch {
    // Whatever throws in it is met again where it lies.
    return undefined;
  }
};

/** What of a value is right: an object's fields and a list's items, each for itself. */
const salvage = (schema: z.core.$ZodType, value: unknown, path: Path, unreadable: Unreadable): unknown => {
  const whole = wholeOf(schema, value);
  if (whole !== undefined) return whole.data;
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return salvage(schema.unwrap(), value, path, unreadable);
  }
  if (schema instanceof z.ZodObject) {
    const fields = fieldsOf(value);
    const right = Object.entries<z.core.$ZodType>(schema.shape).map(([key, field]) => {
      const at = [...path, key];
      return [key, unreadable.read(at, () => salvage(field, fields[key], at, unreadable))];
    });
    return Object.fromEntries(right);
  }
  if (schema instanceof z.ZodArray) {
    // Unlike `map`, this visits holes.
    const item = (value: unknown, index: number): unknown => salvage(schema.element, value, [...path, index], unreadable);
    return unreadable.read(path, () => (Array.isArray(value) ? Array.from(value, item) : [])) ?? [];
  }
  unreadable.read(path, () => z.safeParse(schema, value));
  return schema instanceof z.ZodTuple ? [] : undefined;
};

/** Reads a configuration: what is right in it, and every value that breaks a rule by itself. */
export const parseSystem = (value: unknown): Parsed => {
  let mistakes: Mistake[];
  let failed = false;
  try {
    const result = systemSchema.safeParse(value);
    if (result.success) return { system: result.data, draft: result.data, mistakes: [] };
    mistakes = result.error.issues.flatMap((issue) => mistakesOf(issue));
  } catch (thrown) {
    failed = true;
    mistakes = [{ place: "", rule: rules.UNREADABLE(messageOf(thrown)) }];
  }
  const unreadable = new Unreadable();
  const draft = salvage(systemSchema, value, [], unreadable) as Draft<System>;
  // Where it failed, the reading part by part has told, unless it fails but once.
  if (failed && unreadable.mistakes.length > 0) mistakes = unreadable.mistakes;
  return { system: undefined, draft, mistakes };
};

/** Reads `vgic=debug,sched=info`, as the command line has it; throws a UserError. */
export const parseLogLevels = (text: string): LogLevels => {
  const pairs = text.split(",").map((pair) => pair.split("="));
  if (pairs.some((pair) => pair.length !== 2 || pair.includes(""))) {
    const words = `must be levels by module, such as vgic=debug,sched=info: not ${JSON.stringify(text)}`;
    throw new UserError(`--log-levels: ${words}`, exitCodes.USAGE);
  }
  const result = logLevels.safeParse(Object.fromEntries(pairs));
  if (result.success) return result.data;
  const mistakes = result.error.issues.flatMap((issue) => mistakesOf(issue));
  throw new UserError(mistakes.map(({ place, rule }) => `--log-levels: ${place}: ${rule}`).join("\n"), exitCodes.USAGE);
};
