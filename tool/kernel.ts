// Tells what a kernel file is, and where it goes. An arm64 `Image` says by its header (Linux, Documentation/arm64/booting.rst, section 4)
// where it wants to lie and how much memory it takes, an ELF file by its segments; whatever else is a raw binary. What cannot be
// entered as it is gets refused.

import { guest } from "../abi/guest.ts";
import { PAGE, rules } from "./config/rules.ts";
import { isElf, readElf } from "./elf.ts";
import { alignUp, hex } from "./size.ts";
import type { Payload } from "./sources.ts";

/** Bytes that are loaded. */
export interface Segment {
  /** An offset from the base of RAM. */
  readonly load: number;
  readonly bytes: Buffer;
}

export interface Kernel {
  readonly kind: "image" | "raw" | "elf";
  /** One, or as many as an ELF has, ascending. */
  readonly segments: readonly Segment[];
  /** The memory that it takes, with what it clears behind its bytes, as offsets like `load`. Those of an ELF may lie outside RAM. */
  readonly spans: readonly { readonly start: number; readonly size: number }[];
  /** An Image lies this far above a 2 MiB boundary; undefined where any page will do. */
  readonly textOffset: number | undefined;
  /** The first instruction, as an offset from the base of RAM. */
  readonly entry: number;
}

//  arm64 Image header, little-endian
//    0 code0, code1    8 text_offset    16 image_size    24 flags (bit 0: big-endian kernel)    56 "ARM\x64"
const TEXT_OFFSET = 8;
const IMAGE_SIZE = 16;
const FLAGS = 24;
const MAGIC = 56;
const HEADER_SIZE = 64;
const FLAG_BIG_ENDIAN = 1n;

const hasBytes = (file: Buffer, offset: number, bytes: string): boolean =>
  file.subarray(offset, offset + bytes.length).equals(Buffer.from(bytes, "latin1"));

/** What is wrong with a file that is none of the three, by its first bytes. */
const refused: readonly { readonly offset: number; readonly bytes: string; readonly rule: (path: string) => string }[] = [
  { offset: 0, bytes: "\x1f\x8b", rule: rules.KERNEL_GZIP },
  { offset: 0, bytes: "\x28\xb5\x2f\xfd", rule: rules.KERNEL_ZSTD },
  { offset: 0, bytes: "\xfd7zXZ\0", rule: rules.KERNEL_XZ },
  { offset: 0, bytes: "\x27\x05\x19\x56", rule: rules.KERNEL_UIMAGE },
  { offset: 4, bytes: "zimg", rule: rules.KERNEL_EFI },
  { offset: 0x24, bytes: "\x18\x28\x6f\x01", rule: rules.KERNEL_ARM32 },
];

const elfKernel = ({ path, bytes }: Payload): Kernel | string => {
  const elf = readElf(path, bytes);
  if (typeof elf === "string") return elf;
  const segments = elf.segments.map(({ address, bytes }) => ({ load: address - guest.RAM_BASE, bytes }));
  const spans = elf.spans.map(({ start, size }) => ({ start: start - guest.RAM_BASE, size }));
  return { kind: "elf", segments, spans, textOffset: undefined, entry: elf.entry - guest.RAM_BASE };
};

const imageKernel = ({ path, bytes }: Payload, at: number | undefined): Kernel | string => {
  if ((bytes.readBigUInt64LE(FLAGS) & FLAG_BIG_ENDIAN) !== 0n) return rules.KERNEL_BIG_ENDIAN(path);
  const imageSize = bytes.readBigUInt64LE(IMAGE_SIZE);
  const textOffset = bytes.readBigUInt64LE(TEXT_OFFSET);
  if (imageSize === 0n) return rules.KERNEL_NO_SIZE(path);
  if (imageSize > BigInt(guest.IPA_LIMIT) || textOffset >= BigInt(guest.IMAGE_LOAD)) {
    return rules.KERNEL_HEADER(path, String(textOffset), String(imageSize));
  }
  if (textOffset % BigInt(PAGE) !== 0n) return rules.KERNEL_OFFSET(path, hex(Number(textOffset)));
  const load = at ?? guest.IMAGE_LOAD + Number(textOffset);
  const size = Math.max(Number(imageSize), bytes.length);
  return {
    kind: "image",
    segments: [{ load, bytes }],
    spans: [{ start: load, size }],
    textOffset: Number(textOffset),
    entry: load,
  };
};

/** Where the memory of a kernel ends, as an offset from the base of RAM; a whole page. */
export const kernelEnd = ({ spans }: Kernel): number => alignUp(Math.max(...spans.map(({ start, size }) => start + size)), PAGE);

/** Describes a kernel, or says what is wrong with it. `at` is where the configuration wants it, as an offset from the base of RAM. */
export const describeKernel = (file: Payload, at: number | undefined): Kernel | string => {
  const { path, bytes } = file;
  if (bytes.length === 0) return rules.KERNEL_EMPTY(path);
  const found = refused.find(({ offset, bytes: magic }) => hasBytes(bytes, offset, magic));
  if (found !== undefined) return found.rule(path);
  if (isElf(bytes)) return elfKernel(file);
  if (bytes.length >= HEADER_SIZE && hasBytes(bytes, MAGIC, "ARM\x64")) return imageKernel(file, at);
  const load = at ?? guest.RAW_LOAD;
  const spans = [{ start: load, size: bytes.length }];
  return { kind: "raw", segments: [{ load, bytes }], spans, textOffset: undefined, entry: load };
};
