// The files that a configuration names: where each comes from, read once however many VMs use it, and what cannot be read is a mistake
// with its place.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { inspect } from "node:util";
import { type Mistake, partOf } from "./config/mistakes.ts";
import { rules } from "./config/rules.ts";
import type { BusyboxOptions, FileSource, KernelSource } from "./config/schema.ts";
import { debianBusybox, debianFile, debianModules } from "./debian.ts";
import { makeInitramfs } from "./initramfs.ts";
import { type KernelModule, modulesFor, NoModule } from "./kernel-module.ts";
import { debianPackages, NoPackage } from "./packages.ts";
import { messageOf, UserError } from "./user-error.ts";

/** A file in memory, with the path that messages name. */
export interface Payload {
  readonly path: string;
  readonly bytes: Buffer;
}

/** A function of a configuration has returned something that is no path. */
class NoPath extends Error {
  constructor(returned: unknown) {
    super(rules.FILE_NO_PATH(inspect(returned, { depth: 0 })));
  }
}

/** What an initial RAM disk is to have; nothing of another file. */
const optionsOf = (source: FileSource): BusyboxOptions =>
  typeof source === "object" && "busybox" in source && source.busybox !== true ? source.busybox : {};
const modulesOf = (source: FileSource): readonly string[] => optionsOf(source).modules ?? [];

/** Modules of Debian's kernels; none of another one. */
const fetchModules = async (names: readonly string[], kernel: KernelSource | undefined): Promise<readonly KernelModule[]> => {
  if (names.length === 0 || typeof kernel !== "object") return [];
  await debianFile(kernel.debian).fetch();
  return modulesFor(names, debianModules(kernel.debian));
};

/**
 * The path of what a source stands for, fetched or made if need be; paths are relative to `folder`, modules are those of `kernel`. Throws what a function
 * throws.
 */
export const fetchSource = async (source: FileSource, folder: string, kernel?: KernelSource): Promise<string> => {
  if (typeof source === "string") return resolve(folder, source);
  if (typeof source === "function") {
    const path: unknown = await source();
    if (typeof path !== "string" || path === "") throw new NoPath(path);
    return resolve(folder, path);
  }
  if ("debian" in source) return await debianFile(source.debian).fetch();
  return await makeInitramfs(optionsOf(source), folder, await fetchModules(modulesOf(source), kernel));
};

/** Whether it takes a network to have it. What a function does cannot be known. */
const isRemote = (source: FileSource, kernel: KernelSource | undefined): boolean => {
  if (typeof source !== "object") return false;
  const { modules = [], packages = [] } = optionsOf(source);
  const files =
    "debian" in source
      ? [debianFile(source.debian)]
      : [
          debianBusybox,
          ...(modules.length > 0 && typeof kernel === "object" ? [debianFile(kernel.debian)] : []),
          ...(packages.length > 0 ? [debianPackages(packages)] : []),
        ];
  return files.some((file) => !file.isThere);
};

/** The files of one system. */
export class Files {
  readonly mistakes: Mistake[] = [];
  /** Places of files that were left where they are, because that takes a network. */
  readonly unseen: string[] = [];
  readonly #folder: string;
  readonly #offline: boolean;
  readonly #paths = new Map<FileSource, Promise<string>>();
  readonly #payloads = new Map<string, Payload>();

  /** `offline`: what would have to be fetched is passed over. */
  constructor(folder: string, offline: boolean) {
    this.#folder = folder;
    this.#offline = offline;
  }

  /** Reads a file; undefined, with a mistake at `place`, if that fails. `kernel`: what an initial RAM disk is for. */
  async read(source: FileSource | undefined, place: string, kernel?: KernelSource): Promise<Payload | undefined> {
    if (source === undefined || !this.#hasPrograms(source, place)) return undefined;
    if (this.#offline && isRemote(source, kernel)) {
      this.unseen.push(place);
      return undefined;
    }
    let path: string;
    try {
      path = await this.#pathOf(source, kernel);
    } catch (thrown) {
      if (thrown instanceof UserError) throw thrown;
      this.mistakes.push({ place, rule: this.#ruleFor(thrown, "") });
      return undefined;
    }
    return this.#load(path, place);
  }

  #load(path: string, place: string): Payload | undefined {
    try {
      const known = this.#payloads.get(path) ?? { path, bytes: readFileSync(path) };
      this.#payloads.set(path, known);
      return known;
    } catch (thrown) {
      this.mistakes.push({ place, rule: this.#ruleFor(thrown, path) });
      return undefined;
    }
  }

  /** Whether all programs that go into an initial RAM disk are there: each that is not is a mistake. */
  #hasPrograms(source: FileSource, place: string): boolean {
    const before = this.mistakes.length;
    for (const [name, file] of Object.entries(optionsOf(source).programs ?? {})) {
      this.#load(resolve(this.#folder, file), `${place}.busybox.programs${partOf(name)}`);
    }
    return this.mistakes.length === before;
  }

  #pathOf(source: FileSource, kernel: KernelSource | undefined): Promise<string> {
    // With modules of its kernel it may be another one for each VM.
    if (modulesOf(source).length > 0) return fetchSource(source, this.#folder, kernel);
    const path = this.#paths.get(source) ?? fetchSource(source, this.#folder);
    this.#paths.set(source, path);
    return path;
  }

  #ruleFor(thrown: unknown, path: string): string {
    if (thrown instanceof NoPath || thrown instanceof NoModule || thrown instanceof NoPackage) return thrown.message;
    const { code, path: named } = (thrown ?? {}) as NodeJS.ErrnoException;
    if (code === "ENOENT") return rules.FILE_MISSING(named ?? path);
    return code === "EISDIR" ? rules.FILE_IS_FOLDER(path) : rules.FILE_FAILS(messageOf(thrown));
  }
}
