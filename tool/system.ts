// From a configuration on disk to a bundle: finds the file, checks it, fetches or makes the files that it names, places them.

import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { writeBundle } from "./bundle.ts";
import { ConfigError, type FileSource, type LogLevel, type LogModule, type Mistake, parseSystem, type System } from "./config.ts";
import { type LoadedRegion, type LoadedVm, type Payload, placeVm } from "./layout.ts";
import { exitCodes, messageOf, UserError } from "./user-error.ts";

export const CONFIG_FILE = "hyper-lite.config.ts";

export interface BuildOptions {
  /** Overrides the configuration's `scrubAtBoot`. */
  readonly scrubAtBoot?: boolean | undefined;
  /** Added to the configuration's levels. */
  readonly logLevels?: Readonly<Record<LogModule, LogLevel>> | undefined;
}

export interface BuiltSystem {
  readonly name: string;
  readonly bundle: Buffer;
}

/** The configuration file of a system that is named by its folder or by the file itself. */
export const findConfig = (system: string): string => {
  const path = resolve(system);
  if (!existsSync(path)) throw new UserError(`${system}: no such file or folder`, exitCodes.CONFIG);
  if (!statSync(path).isDirectory()) return path;
  const file = join(path, CONFIG_FILE);
  if (!existsSync(file)) throw new UserError(`${system}: the folder has no ${CONFIG_FILE}`, exitCodes.CONFIG);
  return file;
};

const load = async (file: string): Promise<unknown> => {
  let value: unknown;
  try {
    value = ((await import(pathToFileURL(file).href)) as { default?: unknown }).default;
  } catch (thrown) {
    throw new UserError(`${file}: cannot be loaded: ${messageOf(thrown)}`, exitCodes.CONFIG);
  }
  if (value !== undefined) return value;
  throw new UserError(`${file}: must have a default export: \`export default defineSystem({ … })\``, exitCodes.CONFIG);
};

/** Reads the files of one system, and collects what cannot be read. */
class Files {
  readonly mistakes: Mistake[] = [];
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(source: FileSource, place: string): Promise<Payload> {
    let path = "";
    try {
      path = resolve(this.#folder, typeof source === "string" ? source : await source());
      return { path, bytes: readFileSync(path) };
    } catch (thrown) {
      if (thrown instanceof UserError) throw thrown;
      const code = (thrown as NodeJS.ErrnoException).code;
      const rule = code === "ENOENT" ? `${path}: no such file` : code === "EISDIR" ? `${path}: is a folder` : messageOf(thrown);
      this.mistakes.push({ place, rule });
      return { path, bytes: Buffer.alloc(0) };
    }
  }

  async readOptional(source: FileSource | undefined, place: string): Promise<Payload | undefined> {
    return source === undefined ? undefined : await this.read(source, place);
  }
}

const loadVms = async (system: System, folder: string): Promise<LoadedVm[]> => {
  const files = new Files(folder);
  const vms: LoadedVm[] = [];
  for (const [index, vm] of system.vms.entries()) {
    const place = `vms[${index}]`;
    const kernel = await files.read(vm.kernel, `${place}.kernel`);
    const initrd = await files.readOptional(vm.initrd, `${place}.initrd`);
    const regions: LoadedRegion[] = [];
    for (const [number, region] of vm.regions.entries()) {
      regions.push({ ...region, file: await files.readOptional(region.file, `${place}.regions[${number}].file`) });
    }
    vms.push({ ...vm, kernel, initrd, regions });
  }
  if (files.mistakes.length > 0) throw new ConfigError(files.mistakes);
  return vms;
};

/** Builds what a configuration says; paths in it are relative to `folder`. Throws a ConfigError. */
export const buildConfig = async (value: unknown, folder: string, options: BuildOptions = {}): Promise<BuiltSystem> => {
  const system = parseSystem(value);
  const vms = await loadVms(system, folder);
  const logLevels = Object.entries({ ...system.logLevels, ...options.logLevels }).map(([module, level]) => `${module}=${level}`);
  const bundle = writeBundle({
    scrubAtBoot: options.scrubAtBoot ?? system.scrubAtBoot,
    logLevels: logLevels.join(","),
    vms: vms.map((vm, index) => placeVm(vm, `vms[${index}]`)),
  });
  return { name: system.name ?? basename(folder), bundle };
};

/** Builds the system that `path` names; throws a UserError for whatever is wrong with it. */
export const buildSystem = async (path: string, options: BuildOptions = {}): Promise<BuiltSystem> => {
  const file = findConfig(path);
  const value = await load(file);
  try {
    return await buildConfig(value, dirname(file), options);
  } catch (thrown) {
    throw thrown instanceof ConfigError ? new ConfigError(thrown.mistakes, file) : thrown;
  }
};
