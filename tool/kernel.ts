// Tells what a kernel file is. An arm64 `Image` says by its header (Linux, Documentation/arm64/booting.rst, section 4) where it wants
// to lie and how much memory it takes; whatever has no such header is a raw binary. What cannot be entered as it is gets refused.

import { guest } from "../abi/guest.ts";

export interface Kernel {
  readonly kind: "image" | "raw";
  /** The default place of the first byte, as an offset from the base of RAM. */
  readonly load: number;
  /** The place must lie this far above a 2 MiB boundary; undefined where any page will do. */
  readonly textOffset: number | undefined;
  /** Bytes from there on that nothing else may use: the file and what it clears behind itself. */
  readonly reserve: number;
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

/** What is wrong with a file that is neither an Image nor a raw binary, by its first bytes. */
const refused: readonly { readonly offset: number; readonly bytes: string; readonly rule: string }[] = [
  { offset: 0, bytes: "\x7fELF", rule: "is an ELF file: use the arm64 Image beside it, or make one with `objcopy -O binary`" },
  { offset: 0, bytes: "\x1f\x8b", rule: "is compressed with gzip: unpack it first (`gunzip`)" },
  { offset: 0, bytes: "\x28\xb5\x2f\xfd", rule: "is compressed with zstd: unpack it first (`unzstd`)" },
  { offset: 0, bytes: "\xfd7zXZ\0", rule: "is compressed with xz: unpack it first (`unxz`)" },
  { offset: 0, bytes: "\x27\x05\x19\x56", rule: "is a U-Boot uImage: use the arm64 Image that it was made from" },
  { offset: 4, bytes: "zimg", rule: "is a compressed EFI image: use the arm64 Image that it was made from" },
  { offset: 0x24, bytes: "\x18\x28\x6f\x01", rule: "is a zImage for 32-bit ARM: only arm64 kernels run" },
];

/** Describes a kernel, or says what is wrong with it (a phrase that follows the name of the file). */
export const describeKernel = (file: Buffer): Kernel | string => {
  if (file.length === 0) return "is empty";
  const found = refused.find(({ offset, bytes }) => hasBytes(file, offset, bytes));
  if (found !== undefined) return found.rule;
  if (file.length < HEADER_SIZE || !hasBytes(file, MAGIC, "ARM\x64")) {
    return { kind: "raw", load: guest.RAW_LOAD, textOffset: undefined, reserve: file.length };
  }
  if ((file.readBigUInt64LE(FLAGS) & FLAG_BIG_ENDIAN) !== 0n) return "is a big-endian kernel: only little-endian kernels run";
  const imageSize = file.readBigUInt64LE(IMAGE_SIZE);
  const textOffset = file.readBigUInt64LE(TEXT_OFFSET);
  if (imageSize === 0n) return "is an Image without an image_size (Linux before 3.17): only later kernels run";
  if (imageSize > BigInt(guest.IPA_LIMIT) || textOffset >= BigInt(guest.IMAGE_LOAD)) {
    return `is an Image with an impossible header (text_offset ${textOffset}, image_size ${imageSize})`;
  }
  return {
    kind: "image",
    load: guest.IMAGE_LOAD + Number(textOffset),
    textOffset: Number(textOffset),
    reserve: Math.max(Number(imageSize), file.length),
  };
};
