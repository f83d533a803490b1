// Modules of a Linux kernel: which others one depends on, as its own file says (ELF, gABI 4.1, chapter 4; section .modinfo, scripts/mod/modpost.c of Linux),
// and in which order they can be inserted.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { rules } from "./config/rules.ts";

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

//  Elf64_Ehdr   40 shoff   58 shentsize   60 shnum   62 shstrndx
//  Elf64_Shdr    0 name   24 offset   32 size
const section = (file: Buffer, name: string): Buffer => {
  const table = Number(file.readBigUInt64LE(40));
  const [stride, count, strings] = [58, 60, 62].map((at) => file.readUInt16LE(at)) as [number, number, number];
  const contents = (index: number): Buffer => {
    const [offset, size] = [24, 32].map((at) => Number(file.readBigUInt64LE(table + index * stride + at))) as [number, number];
    return file.subarray(offset, offset + size);
  };
  const names = contents(strings);
  for (let index = 0; index < count; index++) {
    const at = file.readUInt32LE(table + index * stride);
    if (names.toString("latin1", at, names.indexOf(0, at)) === name) return contents(index);
  }
  return Buffer.alloc(0);
};

/** The names of the modules that a module needs. */
const dependsOf = (bytes: Buffer): string[] => {
  const strings = section(bytes, ".modinfo").toString("latin1").split("\0");
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
