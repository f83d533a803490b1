// Memory of VMs: whatever is taken comes back, to the last page, and nothing is anybody's twice.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KIB, MIB } from "../../../tool/size.ts";
import { FRAME, Memory, RAM_START } from "./memory-parts.ts";
import { check } from "./property.ts";

const GIB = 1024 * MIB;

interface Row {
  readonly base: number;
  readonly size: number;
}

const takeRow = ({ parts }: Memory, bytes: number, pieces: boolean): Row | undefined => {
  const row = BigInt.asUintN(64, parts.frames_take(BigInt(bytes), Number(pieces)));
  return row === 0n ? undefined : { base: Number(row & ~0x1f_ffffn), size: Number(row & 0x1f_ffffn) * FRAME };
};
const give = ({ parts }: Memory, { base, size }: Row): void => parts.frames_give(BigInt(base), BigInt(size));

// --- frames

/** Free frames, the slow way: rows of them. */
const rowsOf = (free: ReadonlySet<number>): Row[] => {
  const rows: { base: number; size: number }[] = [];
  for (const base of [...free].sort((a, b) => a - b)) {
    const last = rows.at(-1);
    if (last !== undefined && last.base + last.size === base) last.size += FRAME;
    else rows.push({ base, size: FRAME });
  }
  return rows;
};

test("frames: a row in one piece where there is one, else the longest there is; nothing twice, nothing lost", () => {
  const step = fc.record({
    frames: fc.integer({ min: 1, max: 24 }),
    pieces: fc.boolean(),
    giveBack: fc.boolean(),
    which: fc.nat(),
  });
  check(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const banks = [
        { base: RAM_START, size: 32 * FRAME },
        { base: RAM_START + 40 * FRAME, size: 17 * FRAME },
      ];
      const memory = new Memory({ banks });
      const free = new Set(banks.flatMap(({ base, size }) => Array.from({ length: size / FRAME }, (_, n) => base + n * FRAME)));
      const taken: Row[] = [];
      for (const { frames, pieces, giveBack, which } of steps) {
        if (giveBack && taken.length > 0) {
          const [row] = taken.splice(which % taken.length, 1);
          give(memory, row!);
          for (let at = row!.base; at < row!.base + row!.size; at += FRAME) free.add(at);
          continue;
        }
        const rows = rowsOf(free);
        const whole = rows.find(({ size }) => size >= frames * FRAME);
        const longest = Math.max(0, ...rows.map(({ size }) => size));
        const row = takeRow(memory, frames * FRAME, pieces);
        if (whole !== undefined) assert.deepEqual(row, { base: whole.base, size: frames * FRAME });
        else assert.equal(row?.size ?? 0, pieces ? longest : 0);
        if (row === undefined) continue;
        for (let at = row.base; at < row.base + row.size; at += FRAME) assert.ok(free.delete(at), "a frame that somebody has");
        taken.push(row);
      }
      assert.equal(memory.free.bytes, free.size * FRAME);
      for (const row of taken) give(memory, row);
      assert.equal(memory.free.bytes, memory.ramBytes);
    }),
    40,
  );
});

test("frames: a gigabyte starts where one block maps it, if it can", () => {
  const memory = new Memory({ ramBytes: 3 * GIB });
  assert.deepEqual(takeRow(memory, GIB, false), { base: 0x8000_0000, size: GIB });
  // The second one could as well, the third finds no such place.
  assert.deepEqual(takeRow(memory, GIB, false), { base: 0xc000_0000 - 0, size: GIB });
  assert.equal(takeRow(memory, GIB, false), undefined);
  assert.deepEqual(takeRow(memory, GIB, true), { base: RAM_START, size: GIB - 64 * MIB });
});

test("frames: more than there can be is not there", () => {
  const memory = new Memory();
  assert.equal(takeRow(memory, 2 ** 39, false), undefined);
  assert.deepEqual(takeRow(memory, 2 ** 39, true), { base: RAM_START, size: 64 * MIB });
});

// --- pages for tables

test("tables: each page is one once, until it is given back; then it is empty again", () => {
  const memory = new Memory({ tables: 20 });
  const { parts, machine } = memory;
  const pages = Array.from({ length: 20 }, () => Number(parts.pool_take(3)));
  assert.equal(new Set(pages).size, 20);
  assert.equal(parts.pool_take(1), 0n);
  machine.door.writeLeaf(BigInt(pages[7]!), 5, BigInt(RAM_START) | 0x7ffn);
  machine.door.clearEntry(BigInt(pages[7]!), 5);
  machine.order.dsb(false);
  for (const page of [3, 7, 12]) parts.pool_give(BigInt(pages[page]!));
  assert.equal(memory.free.pages, 3);
  assert.deepEqual(
    [1, 2, 1].map((level) => Number(parts.pool_take(level))).sort(),
    [3, 7, 12].map((page) => pages[page]),
  );
  assert.equal(machine.door.levelOf(pages[7]!), 2);
});

// --- stage 2

const STAGE2_BYTES = 16;
const OWN = 0x4000_0000;

interface Range {
  readonly ipa: number;
  readonly pa: number;
  readonly size: number;
}

/** Maps ranges as a VM has them; those from OWN on are its own frames. */
const mapAll = ({ parts }: Memory, stage2: number, ranges: readonly Range[]): number[] =>
  ranges.map(({ ipa, pa, size }) => parts.map(stage2, BigInt(ipa), BigInt(pa), BigInt(size), parts.RAM.value));

const rootOf = ({ machine }: Memory, stage2: number): number => Number(machine.view.getBigUint64(stage2, true));

/** Unmaps all of it, and checks each piece. */
const unmapAll = (memory: Memory, stage2: number, ownBytes: number): number => {
  const { parts, machine } = memory;
  let at = 0n;
  let pieces = 0;
  while (parts.isEmpty(stage2) === 0) {
    const before = memory.leaves(rootOf(memory, stage2));
    const calls = machine.calls;
    at = parts.unmap(stage2, 1, at, BigInt(OWN), BigInt(ownBytes));
    assert.ok(machine.calls - calls < 1500, `a piece of ${machine.calls - calls} calls`);
    const after = new Set(memory.leaves(rootOf(memory, stage2)).map(({ input }) => input));
    const kept = before.filter(({ input }) => after.has(input));
    assert.equal(kept.length, after.size, "unmapping maps nothing");
    machine.order.enterGuest(rootOf(memory, stage2));
    pieces++;
    assert.ok(pieces < 10_000, "there is an end");
  }
  parts.destroy(stage2);
  return pieces;
};

const pages = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max }).map((page) => page * 4 * KIB);
const range = fc.record({
  ipa: fc.oneof(pages(0x7ff_ffff), pages(0x3fff)),
  pa: pages(0x1fff).map((offset) => RAM_START + offset),
  size: fc.oneof(
    pages(40),
    pages(3).map((size) => size + FRAME),
  ),
});

test("stage 2: whatever is mapped, taking it out in pieces leaves nothing, and all tables come back", () => {
  check(
    fc.property(fc.array(range, { maxLength: 8 }), (ranges) => {
      const memory = new Memory({ ramBytes: 64 * MIB });
      const { parts } = memory;
      const { pages: before } = memory.free;
      const stage2 = parts.arena_take(STAGE2_BYTES, 8);
      assert.equal(parts.stage2_create(stage2, 1000), 1);
      const inside = ranges.filter(({ ipa, pa, size }) => ipa + size <= 2 ** 39 && pa + size <= RAM_START + 64 * MIB);
      mapAll(memory, stage2, inside);
      unmapAll(memory, stage2, 0);
      assert.equal(memory.free.pages, before);
    }),
    30,
  );
});

test("stage 2: frames of its own come back when they are taken out, others do not", () => {
  const memory = new Memory({ ramBytes: 64 * MIB });
  const { parts } = memory;
  const row = takeRow(memory, 30 * FRAME, true)!;
  const stage2 = parts.arena_take(STAGE2_BYTES, 8);
  parts.stage2_create(stage2, 10);
  const own = { ipa: OWN, pa: row.base, size: 20 * FRAME };
  const other = { ipa: 0x1000_0000, pa: row.base + 20 * FRAME, size: 10 * FRAME };
  assert.deepEqual(mapAll(memory, stage2, [own, other]), [0, 0]);
  const free = memory.free.bytes;
  unmapAll(memory, stage2, own.size);
  assert.equal(memory.free.bytes, free + own.size);
});

test("stage 2: much memory in pages is taken out in many pieces", () => {
  const memory = new Memory();
  const { parts } = memory;
  const { pages: before } = memory.free;
  const stage2 = parts.arena_take(STAGE2_BYTES, 8);
  parts.stage2_create(stage2, 1000);
  assert.deepEqual(mapAll(memory, stage2, [{ ipa: OWN, pa: RAM_START + 4 * KIB, size: 8 * MIB }]), [0]);
  assert.ok(unmapAll(memory, stage2, 0) >= (8 * MIB) / (4 * KIB) / 128);
  assert.equal(memory.free.pages, before);
});

test("stage 2: a root that a CPU has is not given back", () => {
  const memory = new Memory();
  const { parts, machine } = memory;
  const stage2 = parts.arena_take(STAGE2_BYTES, 8);
  parts.stage2_create(stage2, 10);
  machine.door.checks.vttbr(BigInt(rootOf(memory, stage2)), 0);
  assert.throws(() => parts.destroy(stage2), /REFUSE_TABLE.*the root of a CPU/);
});
