// Reads an executable in ELF (System V ABI, gABI 4.1, chapters 4 and 5; ELF for the Arm 64-bit Architecture, IHI 0056): what is loaded,
// where, and where it starts. Physical addresses of the file are guest-physical ones.

import { bundle } from "../abi/bundle.ts";
import { PAGE, rules } from "./config/rules.ts";
import { alignUp, hex } from "./size.ts";

/** Bytes of the file at a guest-physical address, a multiple of 4 KiB; zeros where a segment does not fill its page. */
export interface ElfSegment {
  readonly address: number;
  readonly bytes: Buffer;
}

export interface Elf {
  /** Ascending; no two of them have a page in common. */
  readonly segments: readonly ElfSegment[];
  /** All memory that it takes, with what is cleared behind the file's bytes: ascending, none overlapping another. */
  readonly spans: readonly { readonly start: number; readonly size: number }[];
  /** A guest-physical address. */
  readonly entry: number;
}

//  Elf64_Ehdr   0 magic   4 class (2: 64-bit)   5 data (1: little-endian)   16 type (2: ET_EXEC)   18 machine
//               24 entry   32 phoff   54 phentsize   56 phnum
const EHDR_SIZE = 64;
const CLASS_DATA = 4;
const CLASS64_LITTLE = 0x0102;
const TYPE = 16;
const ET_EXEC = 2;
const MACHINE = 18;
const EM_AARCH64 = 183;
const ENTRY = 24;
const PHOFF = 32;
const PHENTSIZE = 54;
const PHNUM = 56;
//  Elf64_Phdr   0 type (1: PT_LOAD)   8 offset   16 vaddr   24 paddr   32 filesz   40 memsz
const PHDR_SIZE = 56;
const PT_LOAD = 1;

/** A PT_LOAD program header; `start` to `end` is its memory. */
interface Load {
  readonly start: number;
  readonly end: number;
  readonly virtual: bigint;
  readonly bytes: Buffer;
}

/** Far above any address, and twice of it is still exact. */
const HUGE = 2n ** 50n;
const clamp = (value: bigint): number => Number(value > HUGE ? HUGE : value);

const name = ({ start, end }: Load): string => `${hex(start)} to ${hex(end - 1)}`;

/** The segments that take memory, ascending; undefined if a header points outside the file. */
const readLoads = (file: Buffer): Load[] | undefined => {
  const table = clamp(file.readBigUInt64LE(PHOFF));
  const stride = file.readUInt16LE(PHENTSIZE);
  const count = file.readUInt16LE(PHNUM);
  if (count > 0 && (stride < PHDR_SIZE || table + stride * count > file.length)) return undefined;
  const loads: Load[] = [];
  for (let at = table; at < table + stride * count; at += stride) {
    const [offset, virtual, physical, fileSize, memorySize] = [8, 16, 24, 32, 40].map((field) =>
      file.readBigUInt64LE(at + field),
    );
    if (file.readUInt32LE(at) !== PT_LOAD || memorySize === 0n) continue;
    if (fileSize! > memorySize! || offset! + fileSize! > BigInt(file.length)) return undefined;
    const start = clamp(physical!);
    const bytes = file.subarray(Number(offset), Number(offset! + fileSize!));
    loads.push({ start, end: start + clamp(memorySize!), virtual: virtual!, bytes });
  }
  return loads.sort((a, b) => a.start - b.start);
};

/** What has a page in common becomes one: the core places whole pages. */
const joinPages = (loads: readonly Load[]): ElfSegment[] => {
  const groups: Load[][] = [];
  for (const load of loads.filter(({ bytes }) => bytes.length > 0)) {
    const last = groups.at(-1)?.at(-1);
    if (last !== undefined && load.start < alignUp(last.start + last.bytes.length, PAGE)) groups.at(-1)!.push(load);
    else groups.push([load]);
  }
  return groups.map((group) => {
    const last = group.at(-1)!;
    const address = group[0]!.start - (group[0]!.start % PAGE);
    const bytes = Buffer.alloc(last.start + last.bytes.length - address);
    for (const load of group) bytes.set(load.bytes, load.start - address);
    return { address, bytes };
  });
};

export const isElf = (file: Buffer): boolean => file.subarray(0, 4).equals(Buffer.from("\x7fELF", "latin1"));

/** Reads the executable, or says what is wrong with it; `path` is for messages. */
export const readElf = (path: string, file: Buffer): Elf | string => {
  if (file.length < EHDR_SIZE) return rules.ELF_BROKEN(path);
  if (file.readUInt16LE(CLASS_DATA) !== CLASS64_LITTLE || file.readUInt16LE(MACHINE) !== EM_AARCH64)
    return rules.ELF_MACHINE(path);
  if (file.readUInt16LE(TYPE) !== ET_EXEC) return rules.ELF_TYPE(path);
  const loads = readLoads(file);
  if (loads === undefined) return rules.ELF_BROKEN(path);
  if (loads.length === 0) return rules.ELF_NOTHING(path);
  const above = loads.findIndex((load, index) => index > 0 && load.start < loads[index - 1]!.end);
  if (above > 0) return rules.ELF_OVERLAP(path, name(loads[above - 1]!), name(loads[above]!));
  const entry = file.readBigUInt64LE(ENTRY);
  // The entry is a virtual address; a program that starts with its MMU off is linked at its physical ones, or brings both.
  const first = loads.find(({ virtual, bytes }) => entry >= virtual && entry < virtual + BigInt(bytes.length));
  if (first === undefined) return rules.ELF_ENTRY(path, `0x${entry.toString(16)}`);
  const segments = joinPages(loads);
  if (segments.length > bundle.MAX_SEGMENTS) return rules.ELF_SEGMENTS(path, String(segments.length));
  const spans = loads.map(({ start, end }) => ({ start, size: end - start }));
  return { segments, spans, entry: first.start + Number(entry - first.virtual) };
};
