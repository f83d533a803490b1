// The board's entropy device (virtio 1.2, 5.4) keys the hypervisor's generator, on a board whose device tree has no seed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as machine } from "../../../abi/guest.ts";
import { virtioDevices } from "../../../abi/virtio.ts";
import { bundleOfSystem } from "../../../sim/bundles.ts";
import type { Machine } from "../../../sim/machine.ts";
import { FDT_AT, load } from "../../../sim/start.ts";
import { Driver } from "./virtio-driver.ts";

const RINGS = machine.RAM_BASE + 0x40_0000;
const DATA = machine.RAM_BASE + 0x50_0000;

/** A board without a seed, whose device gives so many bytes at a time, from `first` on; undefined: it does not answer. */
const board = (piece: number | undefined, legacy = false, first = 1): Machine => {
  const found = load({
    machine: { virtio: [{ type: virtioDevices.VIRTIO_ENTROPY, legacy }] },
    board: { seedBytes: 0 },
    bundle: bundleOfSystem({ vms: [{ devices: { entropy: true } }] }),
  });
  const device = found.virtio[0]!;
  let next = first;
  device.onKick = () => {
    if (piece === undefined) return;
    for (let chain = device.take(0); chain !== undefined; chain = device.take(0))
      device.give(0, chain, Buffer.from(Array.from({ length: piece }, () => (next = (next * 73 + 11) & 0xff))));
  };
  found.run.timePasses = true;
  found.run.boot(BigInt(FDT_AT), 0n);
  found.run.proceed();
  return found;
};

/** What a VM's own entropy device gives. */
const randomOf = (found: Machine): Buffer | undefined => {
  const driver = new Driver(found.cpu(0).guest!);
  const [queue] = driver.start({ queues: 1, base: RINGS });
  queue!.offer([{ ipa: DATA, bytes: 64, write: true }]);
  queue!.kick();
  return queue!.take().length === 1 ? Buffer.from(driver.memory.bytes(DATA, 64)) : undefined;
};

for (const [name, piece, legacy] of [
  ["at once", 32, false],
  ["by pieces", 5, false],
  ["from a legacy device", 32, true],
] as const) {
  test(`a key ${name}: VMs get random bytes`, () => {
    const bytes = randomOf(board(piece, legacy));
    assert.ok(bytes !== undefined && new Set(bytes).size > 20);
  });
}

test("another key gives other bytes", () => {
  assert.ok(!randomOf(board(32))!.equals(randomOf(board(32, false, 2))!));
  assert.ok(randomOf(board(32))!.equals(randomOf(board(7))!), "the same key the same ones");
});

for (const [name, piece] of [
  ["does not answer", undefined],
  ["answers at once, with nothing", 0],
] as const) {
  test(`a device that ${name}: the log says so, and there are no random bytes`, () => {
    const found = board(piece);
    assert.match(found.uart.output, /<3>.*virtio: the entropy device at 0xa000000 gives nothing/);
    assert.equal(randomOf(found), undefined);
  });
}
