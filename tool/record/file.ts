// A recorded run as a file: a line that says what it is, a line of JSON, then the records, compressed.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { z } from "zod";
import { systemCause, UserError } from "../user-error.ts";
import { Records } from "./records.ts";
import type { RingContents } from "./ring.ts";

const TITLE = "hyper-lite record 1\n";
const NEWLINE = 10;
const HASH = /^[0-9a-f]{64}$/;

const headSchema = z.object({
  /** The name of the system that ran. */
  system: z.string(),
  /** SHA-256 of core.wasm, and of the records before they were compressed. */
  core: z.string().regex(HASH),
  records: z.string().regex(HASH),
  hasWrapped: z.boolean(),
  isFull: z.boolean(),
});

type Head = z.infer<typeof headSchema>;

export interface Recording extends Omit<Head, "records"> {
  /** CPUs that entered the core. */
  readonly cpus: number;
  readonly words: BigUint64Array;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export const writeRecording = (file: string, { records, ...contents }: RingContents, system: string): void => {
  const head: Head = { system, ...contents, records: sha256(records) };
  try {
    writeFileSync(file, Buffer.concat([Buffer.from(`${TITLE}${JSON.stringify(head)}\n`), zstdCompressSync(records)]));
  } catch (thrown) {
    throw new UserError(`${file}: cannot be written: ${systemCause(thrown)}`);
  }
};

const readFile = (file: string): Buffer => {
  try {
    return readFileSync(file);
  } catch (thrown) {
    throw new UserError(`${file}: cannot be read: ${systemCause(thrown)}`);
  }
};

/** The line of JSON and the records; undefined if they are none. */
const parse = (contents: Buffer): { head: Head; records: Buffer } | undefined => {
  const end = contents.indexOf(NEWLINE, TITLE.length);
  try {
    const head = headSchema.parse(JSON.parse(contents.toString("utf8", TITLE.length, end)));
    return { head, records: zstdDecompressSync(contents.subarray(end + 1)) };
  } catch {
    return undefined;
  }
};

/** Reads a recorded run; a UserError if it is none, or not as it was written. */
export const readRecording = (file: string): Recording => {
  const contents = readFile(file);
  if (contents.toString("latin1", 0, TITLE.length) !== TITLE)
    throw new UserError(`${file}: not a recorded run: \`hyper-lite run SYSTEM --record FILE\` makes one`);
  const parsed = parse(contents);
  const damaged = (why: string): UserError => new UserError(`${file}: damaged: ${why}: record the run again`);
  if (parsed === undefined) throw damaged("it cannot be unpacked");
  const { records: hash, ...head } = parsed.head;
  if (sha256(parsed.records) !== hash) throw damaged("its records are not those that were written");
  const words = new BigUint64Array(parsed.records.length / BigUint64Array.BYTES_PER_ELEMENT);
  Buffer.from(words.buffer).set(parsed.records);
  const found = new Records(words).survey();
  if ("fault" in found) throw damaged(found.fault);
  return { ...head, ...found, words };
};
