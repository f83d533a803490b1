// Which shared libraries a program for Linux needs (System V ABI, gABI 4.1, chapter 5, "Dynamic Section").

import { elfSection } from "./elf-section.ts";

const MAGIC = "\x7fELF";

//  Elf64_Dyn   0 tag (1: DT_NEEDED)   8 value: of DT_NEEDED an offset into the section .dynstr
const ENTRY = 16;
const DT_NEEDED = 1n;

/** Their names, as the loader looks for them; none of a file that is no ELF64 file, or a static one. */
export const librariesOf = (file: Buffer): string[] => {
  if (file.length < 64 || file.toString("latin1", 0, 4) !== MAGIC) return [];
  const [dynamic, names] = [elfSection(file, ".dynamic"), elfSection(file, ".dynstr")];
  const needed: string[] = [];
  for (let at = 0; at + ENTRY <= dynamic.length; at += ENTRY) {
    if (dynamic.readBigUInt64LE(at) !== DT_NEEDED) continue;
    const name = Number(dynamic.readBigUInt64LE(at + 8));
    needed.push(names.toString("latin1", name, names.indexOf(0, name)));
  }
  return needed;
};
