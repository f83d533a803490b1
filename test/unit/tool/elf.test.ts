// Executables in ELF: what is loaded of them, and that a broken one is refused in words, whatever is in it.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Elf, readElf } from "../../../tool/elf.ts";
import { elf } from "../config/refused.ts";

const read = (bytes: Buffer): Elf => {
  const result = readElf("kernel", bytes);
  assert.ok(typeof result !== "string", String(result));
  return result;
};

test("segments far apart stay apart, however large what lies between is said to be", () => {
  const at = 0x4008_0000;
  const memory = 2 ** 45;
  const { segments, spans } = read(elf({ segments: [{ at, memory }, { at: at + memory }] }));
  assert.deepEqual(
    segments.map(({ address, bytes }) => [address, bytes.length]),
    [
      [at, 4],
      [at + memory, 4],
    ],
  );
  assert.deepEqual(spans, [
    { start: at, size: memory },
    { start: at + memory, size: 4 },
  ]);
});

test("a segment without bytes takes memory and is not loaded", () => {
  const { segments, spans } = read(
    elf({ segments: [{ at: 0x4008_0000 }, { at: 0x4009_0000, bytes: Buffer.alloc(0), memory: 64 }] }),
  );
  assert.equal(segments.length, 1);
  assert.deepEqual(spans[1], { start: 0x4009_0000, size: 64 });
});

test("the entry is translated as its segment is", () => {
  const segments = [{ at: 0x4008_0000 }, { at: 0x4010_0000, virtual: 0xffff_0000_0000, bytes: Buffer.alloc(0x100) }];
  assert.equal(read(elf({ segments, entry: 0xffff_0000_0040 })).entry, 0x4010_0040);
});

const field = fc.constantFrom(16, 18, 24, 28, 32, 36, 54, 56, 64, 68, 72, 76, 80, 84, 88, 92, 96, 100, 104, 108, 112);

test("whatever the headers say, the file is read or refused in words", () => {
  const whole = elf({ segments: [{ at: 0x4008_0000, memory: 0x3000 }, { at: 0x4008_3000 }, { at: 0x4009_0000 }] });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(field, fc.oneof(fc.nat(0x200), fc.nat(0xffff_ffff))), { maxLength: 5 }),
      fc.nat(whole.length),
      (changes, cut) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes.writeUInt32LE(value, at);
        for (const file of [bytes, bytes.subarray(0, cut)]) {
          const result = readElf("kernel", file);
          if (typeof result === "string") {
            if (!result.startsWith("kernel")) return false;
            continue;
          }
          const loaded = result.segments.reduce((sum, segment) => sum + segment.bytes.length, 0);
          if (loaded > file.length + 0x1000 * result.segments.length * 2) return false;
        }
        return true;
      },
    ),
    { numRuns: 2000 },
  );
});
