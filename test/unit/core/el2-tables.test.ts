// EL2's own translation, walked independently: what the build puts into the image, and what boot adds. Nothing is writable and executable, nothing lies
// at its physical address, stacks and window have guards.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { layout } from "../../../abi/layout.ts";
import type { Machine } from "../../../sim/machine.ts";
import type { Bank } from "../../../sim/ram.ts";
import { start } from "../../../sim/start.ts";
import { type Leaf, type Stage1Registers, stage1Leaves, walkStage1 } from "../../../sim/walker.ts";
import { symbolsOf } from "../../../tool/chain/compile.ts";
import { stage1Tables } from "../../../tool/chain/stage1.ts";
import { MIB } from "../../../tool/size.ts";
import { check } from "./property.ts";

const PAGE = 4096;
const GUEST_END = 2 ** 33 + PAGE;

// --- what the build makes

const symbols = symbolsOf("build/hyper-lite.elf");
const offsetOf = (name: string): number => Number((symbols.get(name) ?? 0n) - BigInt(layout.IMAGE_VA));
const tables = stage1Tables(symbols);
const tablesAt = offsetOf("stage1_tables");
const registers: Stage1Registers = {
  tcr: 0x8080_3510n | (5n << 16n),
  ttbr0: BigInt(tablesAt),
  mair: 0xff04n,
  sctlr: 0x30cd_183dn,
};
const readBuilt = (pa: number): bigint => tables.readBigUInt64LE(pa - tablesAt);
const built = stage1Leaves(registers, readBuilt);
const at = (va: number): Leaf | undefined => {
  const found = walkStage1(registers, va, readBuilt);
  return "fault" in found ? undefined : found;
};
const rights = (leaf: Leaf | undefined): string =>
  leaf === undefined ? "-" : `${leaf.read ? "r" : ""}${leaf.write ? "w" : ""}${leaf.execute ? "x" : ""}`;

test("the image: text is executed, constants are read, data is written, nothing more", () => {
  for (let offset = 0; offset < layout.IMAGE_MAX; offset += PAGE) {
    const leaf = at(layout.IMAGE_VA + offset);
    const expected =
      offset < offsetOf("rodata_start")
        ? "rx"
        : offset < offsetOf("data_start")
          ? "r"
          : offset < offsetOf("bss_end")
            ? "rw"
            : "-";
    assert.equal(rights(leaf), expected, `page at 0x${offset.toString(16)}`);
    if (leaf !== undefined) assert.equal(leaf.output, offset);
  }
});

test("nothing is writable and executable, everything is Normal write-back, inner shareable", () => {
  for (const leaf of built) {
    assert.ok(!(leaf.write && leaf.execute));
    assert.equal(leaf.memory, 0xff);
    assert.equal(leaf.shareability, 3);
  }
});

test("no physical page has two addresses", () => {
  const pages = built.flatMap(({ output, size }) => Array.from({ length: size / PAGE }, (_, n) => output + n * PAGE));
  assert.equal(new Set(pages).size, pages.length);
});

test("every stack has a page below it and above it that is not mapped", () => {
  for (let cpu = 0; cpu < layout.MAX_CPUS; cpu++) {
    const area = layout.CPU_AREAS + cpu * layout.CPU_AREA_SIZE;
    const stacks = [
      { from: layout.EMERGENCY_END - layout.EMERGENCY_SIZE, to: layout.EMERGENCY_END },
      { from: layout.CPU_AREA_SIZE - layout.STACK_SIZE, to: layout.CPU_AREA_SIZE },
    ];
    for (let offset = 0; offset < layout.CPU_AREA_SIZE; offset += PAGE) {
      const inStack = stacks.some(({ from, to }) => offset >= from && offset < to);
      assert.equal(rights(at(area + offset)), inStack ? "rw" : "-", `CPU ${cpu}, 0x${offset.toString(16)}`);
    }
    // The page above a full area belongs to the next area, whose first page is a guard.
    assert.equal(at(area + layout.CPU_AREA_SIZE), undefined);
  }
});

test("the window: null faults, the core's memory is there, and nothing behind it for as far as an index reaches", () => {
  assert.equal(rights(at(layout.WINDOW - PAGE)), "rw");
  assert.equal(at(layout.WINDOW - 2 * PAGE), undefined);
  for (let offset = 0; offset < layout.WINDOW_BASE; offset += PAGE) assert.equal(at(layout.WINDOW + offset), undefined);
  const end = layout.WINDOW_PAGES * 0x1_0000;
  for (let offset = layout.WINDOW_BASE; offset < end; offset += PAGE) {
    const leaf = at(layout.WINDOW + offset);
    assert.equal(rights(leaf), "rw");
    assert.equal((leaf?.output ?? 0) + (layout.WINDOW + offset - (leaf?.input ?? 0)), layout.WINDOW_OFFSET + offset);
  }
  const behind = built.filter(({ input, size }) => input + size > layout.WINDOW + end && input < layout.WINDOW + end + GUEST_END);
  assert.deepEqual(behind, []);
});

// --- what boot adds

const leavesOf = ({ door }: Machine): Leaf[] => stage1Leaves(door.stage1Registers, (pa) => door.read64(pa));

/** The leaves of one of the two maps as physical ranges, adjacent ones joined. */
const rangesIn = (leaves: readonly Leaf[], map: number): [number, number][] => {
  const ranges: [number, number][] = [];
  for (const { input, output, size } of leaves) {
    if (input < map || input >= map + layout.PHYS_LIMIT) continue;
    assert.equal(input - map, output);
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === output) last[1] += size;
    else ranges.push([output, output + size]);
  }
  return ranges;
};

test("boot maps RAM behind the image for data, and the devices it drives, and closes its tables", () => {
  const { machine } = start();
  const leaves = leavesOf(machine);
  assert.deepEqual(rangesIn(leaves, layout.PHYS_MAP), [[machine.door.imageEnd, 0x5000_0000]]);
  assert.deepEqual(rangesIn(leaves, layout.DEVICE_MAP), [
    [0x0800_0000, 0x0801_0000],
    [0x080a_0000, 0x0900_1000],
    [0x0901_0000, 0x0901_1000],
    // The board's virtio transports.
    [0x0a00_0000, 0x0a00_1000],
  ]);
  assert.ok(leaves.every(({ write, execute }) => !(write && execute)));
  const added = leaves.filter(({ input }) => input < layout.IMAGE_VA);
  for (const { input, write, execute, memory } of added) {
    assert.deepEqual({ write, execute }, { write: true, execute: false });
    assert.equal(memory, input < layout.DEVICE_MAP ? 0xff : 0x04);
  }
  assert.ok(machine.door.isLocked);
});

test("RAM that EL2 can write never includes the image, its tables or the core's memory", () => {
  const bank = fc.record({ gap: fc.integer({ min: 0, max: 300 }), size: fc.integer({ min: 1, max: 300 }) });
  check(
    fc.property(fc.array(bank, { maxLength: 5 }), (more) => {
      const banks: Bank[] = [{ base: 0x4000_0000, size: 0x1000_0000 }];
      let end = 0x5000_0000;
      for (const { gap, size } of more) {
        // Odd pages, so that blocks do not fit everywhere.
        const base = end + gap * MIB + 0x3000;
        banks.push({ base, size: size * 0x1_1000 });
        end = base + size * 0x1_1000;
      }
      const { machine } = start({ machine: { banks }, vm: { scrubAtBoot: false } });
      const expected = banks.map(({ base, size }): [number, number] => [Math.max(base, machine.door.imageEnd), base + size]);
      assert.deepEqual(
        rangesIn(leavesOf(machine), layout.PHYS_MAP),
        expected.reduce<[number, number][]>((joined, [from, to]) => {
          const last = joined.at(-1);
          if (last !== undefined && last[1] === from) last[1] = to;
          else joined.push([from, to]);
          return joined;
        }, []),
      );
    }),
    40,
  );
});
