// Modules of a Linux kernel: which others one depends on, as its own file says (section .modinfo, scripts/mod/modpost.c of Linux),
// and in which order they can be inserted.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { rules } from "./config/rules.ts";
import { elfSection } from "./elf-section.ts";

export interface KernelModule {
  /** As the kernel has it, with "_" for "-". */
  readonly name: string;
  readonly bytes: Buffer;
}

/** A kernel does not have a module that a configuration names. */
export class NoModule extends Error {
  constructor(name: string) {
    super(rules.NO_SUCH_MODULE(name));
  }
}

const nameOf = (file: string): string => basename(file, ".ko").replaceAll("-", "_");

/** The names of the modules that a module needs. */
const dependsOf = (bytes: Buffer): string[] => {
  const strings = elfSection(bytes, ".modinfo").toString("latin1").split("\0");
  const depends = strings.find((text) => text.startsWith("depends="))?.slice("depends=".length) ?? "";
  return depends
    .split(",")
    .filter((name) => name !== "")
    .map(nameOf);
};

/** The modules of these names and all that they need, each behind those that it needs. `folder` holds the kernel's; throws NoModule where there is no such. */
export const modulesFor = (names: readonly string[], folder: string): KernelModule[] => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ko"));
  const paths = new Map(files.map((file) => [nameOf(file), join(folder, file)]));
  const found = new Map<string, KernelModule>();
  const add = (name: string): void => {
    if (found.has(name)) return;
    const path = paths.get(name);
    if (path === undefined) throw new NoModule(name);
    const bytes = readFileSync(path);
    for (const other of dependsOf(bytes)) add(other);
    found.set(name, { name, bytes });
  };
  for (const name of names) add(nameOf(name));
  return [...found.values()];
};
