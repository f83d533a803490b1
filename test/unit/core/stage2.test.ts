// Stage 2 as the CPU would walk it, against what the manifest says: each VM's memory, all of it, with the rights it was given, and nothing else.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { guest as machine } from "../../../abi/guest.ts";
import { layout } from "../../../abi/layout.ts";
import { bundleOf, type VmOptions } from "../../../sim/bundles.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Bank } from "../../../sim/ram.ts";
import { BUNDLE_AT, RAM_BASE, start } from "../../../sim/start.ts";
import type { Leaf } from "../../../sim/walker.ts";
import { KIB, MIB } from "../../../tool/size.ts";
import { check } from "./property.ts";

const GIB = 1024 * MIB;
const SIZES = [GIB, 2 * MIB, 4 * KIB];
const BOARD: readonly Bank[] = [{ base: 0x4000_0000, size: 4 * GIB }];

interface Range {
  readonly ipa: number;
  readonly size: number;
  readonly write: boolean;
  readonly execute?: boolean;
}

const rangesOf = ({ memory = 16 * MIB, regions = [] }: VmOptions): Range[] => [
  { ipa: RAM_BASE, size: memory, write: true },
  { ipa: machine.STOLEN_BASE, size: machine.STOLEN_SIZE, write: false, execute: false },
  ...regions.map(({ ipa, size, readOnly }) => ({ ipa, size, write: !readOnly })),
];

const areApart = (ranges: readonly Range[]): boolean =>
  ranges.every(({ ipa, size }, n) =>
    ranges.slice(0, n).every((other) => ipa >= other.ipa + other.size || other.ipa >= ipa + size),
  );

/** Checks that the leaves in a range tile it, one behind the other in physical memory, each the largest that fits. */
const checkRange = (leaves: readonly Leaf[], { ipa, size, write, execute = true }: Range): { base: number; end: number } => {
  const inside = leaves.filter(({ input }) => input >= ipa && input < ipa + size);
  const base = inside[0]?.output ?? 0;
  let at = ipa;
  for (const leaf of inside) {
    const output = base + (at - ipa);
    const left = ipa + size - at;
    const largest = SIZES.find((bytes) => at % bytes === 0 && output % bytes === 0 && bytes <= left);
    const rights = { read: true, write, execute, memory: 0xf, shareability: 3 };
    assert.deepEqual(leaf, { input: at, size: largest, output, level: 1 + SIZES.indexOf(largest ?? 0), ...rights });
    at += leaf.size;
  }
  assert.equal(at, ipa + size);
  return { base, end: base + size };
};

const checkAll = (guest: Guest, vm: VmOptions): void => {
  const { leaves } = guest;
  const ranges = rangesOf(vm);
  for (const { input } of leaves) {
    assert.ok(
      ranges.some(({ ipa, size }) => input >= ipa && input < ipa + size),
      `0x${input.toString(16)} is mapped`,
    );
  }
  const taken = [
    { base: 0, end: 0x4000_0000 + layout.HYP_SIZE },
    { base: BUNDLE_AT, end: BUNDLE_AT + bundleOf(vm).length },
    ...ranges.map((range) => checkRange(leaves, range)),
  ].sort((a, b) => a.base - b.base);
  for (const [n, { base }] of taken.entries()) assert.ok(base >= (taken[n - 1]?.end ?? 0), "two things in the same memory");
  assert.ok((taken.at(-1)?.end ?? 0) <= 0x4000_0000 + 4 * GIB);
};

const region = fc.record({
  // Anywhere in the 39 bits, most of them near each other and near the RAM.
  ipa: fc.oneof(fc.integer({ min: 0, max: 0x3fff }), fc.integer({ min: 0, max: 0x7ff_ffff })).map((page) => page * 4 * KIB),
  size: fc
    .oneof(
      fc.integer({ min: 1, max: 600 }),
      fc.integer({ min: 1, max: 8 }).map((n) => n * 512),
    )
    .map((pages) => pages * 4 * KIB),
  readOnly: fc.boolean(),
});

test("any VM's stage 2 is its manifest", () => {
  const vms = fc.record({
    memory: fc.oneof(fc.integer({ min: 8, max: 64 }), fc.integer({ min: 400, max: 1100 })).map((n) => n * 2 * MIB),
    regions: fc.array(region, { maxLength: 8 }),
  });
  check(
    fc.property(vms, (vm) => {
      fc.pre(vm.regions.every(({ ipa, size }) => ipa + size <= machine.IPA_LIMIT));
      fc.pre(areApart(rangesOf(vm)));
      const options = { ...vm, scrubAtBoot: false };
      checkAll(start({ machine: { banks: BOARD }, vm: options }), options);
    }),
    60,
  );
});

test("RAM in several banks: none is mapped that the board has not", () => {
  const banks = [
    { base: 0x4000_0000, size: 0x1000_0000 },
    { base: 0x8000_0000, size: 0x2000_0000 },
  ];
  const guest = start({ machine: { banks }, vm: { memory: 256 * MIB, scrubAtBoot: false } });
  assert.deepEqual(checkRange(guest.leaves, { ipa: RAM_BASE, size: 256 * MIB, write: true }), {
    base: 0x8000_0000,
    end: 0x9000_0000,
  });
});

test("RAM that starts and ends anywhere: a VM gets whole blocks inside it", () => {
  const banks = [
    { base: 0x4000_0000, size: 0x1000_0000 },
    { base: 0x8010_3000, size: 0x0f1f_d000 },
  ];
  const guest = start({ machine: { banks }, vm: { memory: 240 * MIB, scrubAtBoot: false } });
  assert.deepEqual(checkRange(guest.leaves, { ipa: RAM_BASE, size: 240 * MIB, write: true }), {
    base: 0x8020_0000,
    end: 0x8f20_0000,
  });
});

test("the last byte of RAM is there, the byte behind it is not", () => {
  const guest = start();
  const end = RAM_BASE + 16 * MIB;
  guest.store(end - 8, 0x1122_3344_5566_7788n, { bytes: 8 });
  assert.equal(guest.load(end - 8, { bytes: 8 }), 0x1122_3344_5566_7788n);
  assert.deepEqual(guest.translate(end), { fault: "translation", level: 2 });
});

test("high bits of an IPA are no alias: memory and devices answer at their own address alone", () => {
  const guest = start();
  for (const high of [2 ** 39, 2 ** 40, 2 ** 47]) {
    assert.deepEqual(guest.translate(RAM_BASE + high), { fault: "translation", level: 0 });
    guest.setSysreg("VBAR_EL1", 0x4000_0000n);
    guest.load(machine.UART_BASE + high);
    assert.equal(guest.sysreg("ESR_EL1"), (0x25n << 26n) | (1n << 25n) | 0x10n);
  }
});

test("a store into a read-only region is an external abort, and changes nothing", () => {
  const file = Buffer.from("the contents of the flash");
  const guest = start({ vm: { regions: [{ ipa: 0, size: 4096, readOnly: true, file }] } });
  guest.store(0, 0xffff_ffffn);
  assert.equal(guest.sysreg("ESR_EL1"), (0x25n << 26n) | (1n << 25n) | 0x10n);
  assert.equal(guest.sysreg("FAR_EL1"), 0n);
  assert.deepEqual(Buffer.from(guest.memory(0, file.length)), file);
  assert.equal(guest.fetch(0), true);
});

test("a region holds its file and zeros behind it, whatever was there", () => {
  const file = Buffer.from("flash");
  const guest = start({ vm: { regions: [{ ipa: 0, size: 8192, readOnly: false, file }] } });
  assert.deepEqual(Buffer.from(guest.memory(0, 8192)), Buffer.concat([file, Buffer.alloc(8187)]));
});
