// A configuration on disk: a TypeScript module whose default export it is, or a JSON file.

import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { errorPlace } from "./error-place.ts";
import { exitCodes, messageOf, UserError } from "./user-error.ts";

const FILES = ["hyper-lite.config.ts", "hyper-lite.config.json"] as const;

const fail = (message: string): never => {
  throw new UserError(message, exitCodes.CONFIG);
};

/** The configuration file of a system that is named by its folder or by the file itself. Throws a UserError. */
export const findConfig = (system: string): string => {
  const path = resolve(system);
  if (!existsSync(path)) return fail(`${system}: no such file or folder`);
  if (!statSync(path).isDirectory()) return path;
  const found = FILES.filter((file) => existsSync(join(path, file)));
  if (found.length > 1) return fail(`${system}: the folder has ${found.join(" and ")}: name the one that is meant`);
  return found[0] === undefined ? fail(`${system}: the folder has no ${FILES.join(" or ")}`) : join(path, found[0]);
};

const loadJson = (file: string): unknown => {
  try {
    // Some editors begin a text with a byte order mark, which JSON does not have.
    return JSON.parse(readFileSync(file, "utf8").replace(/^\ufeff/, ""));
  } catch (thrown) {
    return fail(`${file}: cannot be loaded: ${messageOf(thrown)}`);
  }
};

const loadModule = async (file: string): Promise<unknown> => {
  let value: unknown;
  try {
    // What is to come is waited for here: it may fail, and so may a proxy that is asked whether it is to come.
    value = await ((await import(pathToFileURL(file).href)) as { default?: unknown }).default;
  } catch (thrown) {
    const place = errorPlace(thrown, file) ?? file;
    // What is wrong may be in another module, which this one imports.
    const where = place.startsWith(file) ? `${place}: cannot be loaded` : `${file}: cannot be loaded: ${place}`;
    return fail(`${where}: ${messageOf(thrown)}`);
  }
  return value ?? fail(`${file}: must have a default export: \`export default defineSystem({ … })\``);
};

/** What the file says, unchecked. Throws a UserError. */
export const loadConfig = async (file: string): Promise<unknown> =>
  file.endsWith(".json") ? loadJson(file) : await loadModule(file);
