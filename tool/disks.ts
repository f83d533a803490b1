// The disks of a system as they lie in the bundle: whole blocks, the file first.

import { bundle } from "../abi/bundle.ts";
import type { Mistake } from "./config/mistakes.ts";
import type { Draft } from "./config/parse.ts";
import { rules } from "./config/rules.ts";
import type { Disk, System } from "./config/schema.ts";
import { alignUp, formatSize } from "./size.ts";
import type { Files, Payload } from "./sources.ts";

const { DISK_BLOCK } = bundle;

/** A disk whose file was read. */
export interface LoadedDisk extends Omit<Draft<Disk>, "file"> {
  readonly file?: Payload | undefined;
}

/** What the bundle says about a disk. */
export interface PlacedDisk {
  /** Whole blocks; of a slice, undefined is the rest of its disk. */
  readonly size: number | undefined;
  readonly file?: Buffer | undefined;
  readonly writable: boolean;
  /** Of a slice: the serial number of the board's disk, and where it begins. */
  readonly board?: string | undefined;
  readonly start?: number | undefined;
}

/** Bytes of a disk in RAM: whole blocks. Of a slice none: it goes to the end. */
const sizeOf = ({ size, file, board }: LoadedDisk): number | undefined =>
  size ?? (board === undefined ? alignUp(file?.bytes.length ?? 0, DISK_BLOCK) : undefined);

/** What a disk takes of the board's RAM beside the bundle (src/vm/disks.ts). */
export const memoryOf = ({ size = 0, file, writable, board }: PlacedDisk): number => {
  if (board !== undefined) return 0;
  const blocksOfFile = (file?.length ?? 0) / DISK_BLOCK;
  return writable ? size + alignUp(8 * Math.ceil(blocksOfFile / 64), DISK_BLOCK) : 0;
};

export const loadDisks = async (system: Draft<System>, files: Files): Promise<LoadedDisk[]> => {
  const loaded: LoadedDisk[] = [];
  for (const [index, disk] of (system.disks ?? []).entries())
    loaded.push({ ...disk, file: await files.read(disk.file, `disks[${index}].file`) });
  return loaded;
};

/** What is wrong with the files of disks. */
export const checkDisks = (disks: readonly LoadedDisk[]): Mistake[] =>
  disks.flatMap(({ file, size }, index) => {
    if (file === undefined) return [];
    const place = `disks[${index}].file`;
    if (file.bytes.length === 0) return [{ place, rule: rules.DISK_FILE_EMPTY(file.path) }];
    if (size === undefined || file.bytes.length <= size) return [];
    return [{ place, rule: rules.DISK_FILE(file.path, formatSize(file.bytes.length), formatSize(size)) }];
  });

const inBlocks = (bytes: Buffer): Buffer => {
  const rest = alignUp(bytes.length, DISK_BLOCK) - bytes.length;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(rest)]);
};

/** Disks in which nothing is wrong. */
export const placeDisk = (disk: LoadedDisk): PlacedDisk => ({
  size: sizeOf(disk),
  file: disk.file && inBlocks(disk.file.bytes),
  writable: disk.writable ?? false,
  ...(disk.board?.serial === undefined ? {} : { board: disk.board.serial, start: disk.start ?? 0 }),
});
