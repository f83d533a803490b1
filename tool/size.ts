// Sizes in bytes as people write them: "128M", "1G", "512K", or a number.

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

export const KIB = 2 ** 10;
export const MIB = 2 ** 20;

/** The bytes that a text stands for, or undefined if it is no size. */
export const parseSize = (text: string): number | undefined => {
  const match = /^(\d+)([KMG]?)$/.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * UNITS[match[2]!]!;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
};

/** The shortest exact text: 134217728 is "128 MiB". */
export const formatSize = (bytes: number): string => {
  if (bytes > 0 && bytes % MIB === 0) return `${bytes / MIB} MiB`;
  if (bytes > 0 && bytes % KIB === 0) return `${bytes / KIB} KiB`;
  return `${bytes} bytes`;
};

export const hex = (value: number): string => `0x${value.toString(16)}`;

export const alignUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;
