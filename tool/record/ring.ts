// The ring between QEMU and this process: a file that the board sees as the memory of a PCI device, and what is in it afterwards.

import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { record } from "../../abi/record.ts";

const WORD = 8;
const SEGMENT_ENTRY = 2;

export interface Ring {
  /** Where the file is, and its size. */
  readonly file: string;
  readonly bytes: number;
}

/** A new ring: the board needs a power of two. */
export const createRing = (file: string, bytes: number): Ring => {
  const control = Buffer.alloc(record.RECORD_HEADER * WORD);
  const segmentWords = Math.floor((bytes / WORD - record.RECORD_HEADER) / record.RECORD_SEGMENTS);
  control.writeBigUInt64LE(record.RECORD_MAGIC, record.RECORD_AT_MAGIC * WORD);
  control.writeBigUInt64LE(BigInt(segmentWords), record.RECORD_AT_SEGMENT_WORDS * WORD);
  const handle = openSync(file, "w");
  ftruncateSync(handle, bytes);
  writeSync(handle, control);
  closeSync(handle);
  return { file, bytes };
};

export interface RingContents {
  /** SHA-256 of the core.wasm that the image was made of, in hex. */
  readonly core: string;
  /** The oldest records had been overwritten: the first record is a snapshot. */
  readonly hasWrapped: boolean;
  /** The ring had no room for the last records. */
  readonly isFull: boolean;
  readonly records: Buffer;
}

const bytesOf = (handle: number, at: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  readSync(handle, buffer, 0, bytes, at);
  return buffer;
};

/** What the ring holds, the oldest first; undefined if the image has not found it. */
export const readRing = ({ file }: Ring): RingContents | undefined => {
  const handle = openSync(file, "r");
  try {
    const control = bytesOf(handle, 0, record.RECORD_HEADER * WORD);
    const word = (at: number): number => Number(control.readBigUInt64LE(at * WORD));
    const segmentBytes = word(record.RECORD_AT_SEGMENT_WORDS) * WORD;
    const segments = Array.from({ length: record.RECORD_SEGMENTS }, (_, slot) => {
      const entry = record.RECORD_AT_SEGMENTS + SEGMENT_ENTRY * slot;
      return { number: word(entry), bytes: word(entry + 1) * WORD, at: record.RECORD_HEADER * WORD + slot * segmentBytes };
    });
    const used = segments.filter(({ number, bytes }) => number > 0 && bytes > 0).sort((a, b) => a.number - b.number);
    if (used.length === 0) return undefined;
    const core = control.subarray(record.RECORD_AT_CORE * WORD, (record.RECORD_AT_CORE + 4) * WORD);
    return {
      core: core.toString("hex"),
      hasWrapped: used[0]!.number > 1,
      isFull: word(record.RECORD_AT_FULL) !== 0,
      records: Buffer.concat(used.map(({ at, bytes }) => bytesOf(handle, at, bytes))),
    };
  } finally {
    closeSync(handle);
  }
};
