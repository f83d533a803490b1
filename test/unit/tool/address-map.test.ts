// The tables that a VM needs are those that the core takes: with one fewer, the core cannot make the VM.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest } from "../../../abi/guest.ts";
import { bundleOfSystem, type VmOptions } from "../../../sim/bundles.ts";
import { outputOf } from "../../../sim/start.ts";
import { ramSpan, type Span, tablesFor } from "../../../tool/address-map.ts";
import { KIB, MIB } from "../../../tool/size.ts";

const span = (start: number, size: number): Span => ({ what: "memory", start, size });

const stolen = span(guest.STOLEN_BASE, guest.STOLEN_SIZE);
const memory = 16 * MIB;

const cases: readonly [title: string, region: Span | undefined, shared: Span | undefined, tables: number][] = [
  ["RAM alone", undefined, undefined, 4],
  ["a region of blocks", span(0x2000_0000, 4 * MIB), undefined, 4],
  ["a region with both ends inside blocks", span(0x2000_1000, 4 * MIB), undefined, 6],
  ["a region inside a block", span(0x2000_1000, 4 * KIB), undefined, 5],
  ["a region in a GiB of its own", span(0x10_0000_0000, 2 * MIB), undefined, 5],
  ["a region next to the page of stolen time", span(guest.STOLEN_BASE + 4 * KIB, 4 * KIB), undefined, 4],
  ["a shared region of a block", undefined, span(0x1000_0000, 2 * MIB), 4],
  ["a shared region off the block", undefined, span(0x1000_1000, 2 * MIB), 6],
];

const starts = (region: Span | undefined, shared: Span | undefined, tableQuota: number): string => {
  const vm: VmOptions = {
    memory,
    tableQuota,
    regions: region === undefined ? [] : [{ ipa: region.start, size: region.size, readOnly: false }],
    shared: shared === undefined ? [] : [{ region: "s", ipa: shared.start, readOnly: false }],
  };
  const bundle = bundleOfSystem({ shared: shared === undefined ? [] : [{ name: "s", size: shared.size }], vms: [vm] });
  return outputOf({ bundle }, () => {}).output;
};

for (const [title, region, shared, tables] of cases) {
  test(title, () => {
    const own = [ramSpan(memory), stolen, ...(region === undefined ? [] : [region])];
    assert.equal(tablesFor(own, shared === undefined ? [] : [shared]), tables);
    assert.match(starts(region, shared, tables), /guest starts/);
    assert.match(starts(region, shared, tables - 1), /guest cannot be made/);
  });
}
