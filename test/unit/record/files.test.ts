// The ring and the file that is made of it: what was written is read, and what is not as it was written is refused.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { record } from "../../../abi/record.ts";
import { readRecording, writeRecording } from "../../../tool/record/file.ts";
import { Records } from "../../../tool/record/records.ts";
import { createRing, readRing } from "../../../tool/record/ring.ts";
import { scratch } from "../scratch.ts";

const WORD = 8;
const CORE = Buffer.from(Array.from({ length: 32 }, (_, n) => n));

/** The words of a record. */
const words = (id: number, cpu: number, sequence: number, ...rest: bigint[]): bigint[] => [
  (BigInt(id) << 48n) | (BigInt(rest.length) << 36n) | (BigInt(cpu) << 32n) | BigInt(sequence),
  ...rest,
];
const bytesOf = (all: readonly bigint[]): Buffer => Buffer.from(BigUint64Array.from(all).buffer);
const surveyed = (all: readonly bigint[]) => new Records(BigUint64Array.from(all)).survey();

/** A ring as an image leaves it: how many segments were begun before each, and what is in it. */
const ringWith = (segments: readonly (readonly [number: number, contents: readonly bigint[]])[]) => {
  const ring = createRing(join(scratch(), "ring"), 1 << 20);
  const bytes = readFileSync(ring.file);
  const put = (at: number, value: bigint): number => bytes.writeBigUInt64LE(value, at * WORD);
  const size = Number(bytes.readBigUInt64LE(record.RECORD_AT_SEGMENT_WORDS * WORD));
  CORE.copy(bytes, record.RECORD_AT_CORE * WORD);
  for (const [number, contents] of segments) {
    const slot = number % record.RECORD_SEGMENTS;
    put(record.RECORD_AT_SEGMENTS + 2 * slot, BigInt(number + 1));
    put(record.RECORD_AT_SEGMENTS + 2 * slot + 1, BigInt(contents.length));
    bytesOf(contents).copy(bytes, (record.RECORD_HEADER + slot * size) * WORD);
  }
  writeFileSync(ring.file, bytes);
  return ring;
};

test("a new ring holds nothing, but says how large its segments are", () => {
  const ring = createRing(join(scratch(), "ring"), 1 << 20);
  const bytes = readFileSync(ring.file);
  assert.equal(bytes.length, 1 << 20);
  assert.equal(bytes.toString("latin1", 0, WORD), "HLRECORD");
  const segment = Number(bytes.readBigUInt64LE(record.RECORD_AT_SEGMENT_WORDS * WORD));
  assert.ok((record.RECORD_HEADER + record.RECORD_SEGMENTS * segment) * WORD <= bytes.length);
  assert.equal(readRing(ring), undefined);
});

test("segments are read in the order in which they were begun", () => {
  const first = ringWith([[0, words(1, 0, 0)]]);
  assert.deepEqual(readRing(first), {
    core: CORE.toString("hex"),
    hasWrapped: false,
    isFull: false,
    records: bytesOf(words(1, 0, 0)),
  });
  const [a, b, c] = [words(2, 0, 7), words(3, 1, 8, 1n), words(4, 0, 9)];
  const wrapped = readRing(
    ringWith([
      [5, b],
      [6, c],
      [4, a],
    ]),
  );
  assert.deepEqual([wrapped?.hasWrapped, wrapped?.records], [true, bytesOf([...a, ...b, ...c])]);
});

test("records are read one after the other", () => {
  const records = new Records(BigUint64Array.from([...words(3 | record.RECORD_OPEN, 5, 7, 1n, 2n), ...words(0x401, 2, 8)]));
  assert.deepEqual([records.id, records.cpu, records.sequence, records.length], [3, 5, 7, 2]);
  assert.deepEqual([records.isOpen, records.isEntry, records.word(1), [...records.rest(1)]], [true, false, 2n, [2n]]);
  records.advance();
  assert.deepEqual([records.id, records.isOpen, records.isEntry, records.isAtEnd], [0x401, false, true, false]);
  records.advance();
  assert.equal(records.isAtEnd, true);
});

test("a row of records has all of them, whole", () => {
  assert.deepEqual(surveyed([...words(1, 0, 0xffff_ffff), ...words(1, 3, 0, 1n)]), { cpus: 4 });
  assert.deepEqual(surveyed([]), { fault: "it holds no record" });
  assert.deepEqual(surveyed([...words(1, 0, 4), ...words(1, 0, 6)]), { fault: "record 5 is missing" });
  assert.deepEqual(surveyed(words(1, 0, 4, 1n, 2n).slice(0, 2)), { fault: "record 4 is cut off" });
});

/** A file, with what `change` makes of its two lines and its records. */
const written = (change: (lines: string[], records: Buffer) => void = () => undefined): string => {
  const file = join(scratch(), "run.record");
  const records = bytesOf(words(1, 1, 0, 5n));
  writeRecording(file, { core: CORE.toString("hex"), hasWrapped: false, isFull: false, records }, "examples/hello");
  const lines = readFileSync(file).toString("latin1").split("\n").slice(0, 2);
  change(lines, records);
  writeFileSync(file, Buffer.concat([Buffer.from(`${lines.join("\n")}\n`), zstdCompressSync(records)]));
  return file;
};

test("a file is read as it was written", () => {
  const { core, system, cpus, words: row } = readRecording(written());
  assert.deepEqual([core, system, cpus, [...row]], [CORE.toString("hex"), "examples/hello", 2, words(1, 1, 0, 5n)]);
});

const refused: readonly (readonly [title: string, file: () => string, message: RegExp])[] = [
  ["a record that was changed", () => written((_, records) => records.writeUInt8(6, 8)), /: damaged: its records are not those/],
  [
    "a file of another kind",
    () => join(import.meta.dirname, "files.test.ts"),
    /: not a recorded run: `hyper-lite run SYSTEM --record FILE` makes one$/,
  ],
  ["a version that is not ours", () => written((lines) => lines.splice(0, 1, "hyper-lite record 9")), /: not a recorded run/],
  ["a head that is no JSON", () => written((lines) => lines.splice(1, 1, "{")), /: damaged: it cannot be unpacked/],
  ["a head without its core", () => written((lines) => lines.splice(1, 1, "{}")), /: damaged: it cannot be unpacked/],
  ["no file", () => "/nowhere/run.record", /^\/nowhere\/run.record: cannot be read: no such file or directory$/],
];
for (const [title, file, message] of refused) {
  test(`refused: ${title}`, () => assert.throws(() => readRecording(file()), { name: "UserError", message }));
}

test("a folder that does not take a file is told", () => {
  const contents = { core: "", hasWrapped: false, isFull: false, records: Buffer.alloc(0) };
  const message = "/nowhere/x: cannot be written: no such file or directory";
  assert.throws(() => writeRecording("/nowhere/x", contents, "x"), { name: "UserError", message });
});
