// A VM that is reset, or crashes, in the middle of what its devices do: nothing is in flight behind that, and its next life finds them working.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { scratch } from "../unit/scratch.ts";
import { boot } from "./expect.ts";

const MIB = 2 ** 20;
/** As guests/inflight has it. */
const LIVES = 12;
const RECORD_BYTES = 4096;

test(`${LIVES - 1} resets and crashes in the middle of writes to a slice and of frames: nothing comes late, nothing else is touched`, async () => {
  const image = join(scratch(), "disk.img");
  const before = randomBytes(16 * MIB);
  writeFileSync(image, before);
  const guest = {
    memory: "16M",
    kernel: "inflight.bin",
    crashPolicy: "reset" as const,
    shared: [{ region: "lives", ipa: 0x1000_0000 }],
    nets: [{ switch: "lan" }],
  };
  await using vm = await boot({
    system: {
      board: { cpus: 2 },
      shared: [{ name: "lives", size: "2M" }],
      switches: [{ name: "lan", uplink: true }],
      disks: [
        { name: "one", board: { serial: "DISK", image }, start: MIB, size: 4 * MIB, writable: true },
        { name: "two", board: { serial: "DISK" }, start: 8 * MIB, size: 4 * MIB, writable: true },
      ],
      vms: [
        { ...guest, name: "victim", bootargs: "role=victim", disks: [{ disk: "one" }] },
        { ...guest, name: "neighbour", bootargs: "role=neighbour", disks: [{ disk: "two" }] },
      ],
    },
  });
  const end = await vm.end();
  assert.equal(end.halted?.off, true);
  assert.deepEqual(end.output.match(/^\S+\| (WRONG|stopped) .*/gm) ?? [], []);
  assert.equal(end.of("victim").match(/^ok nothing-comes-late/gm)?.length, LIVES);
  assert.match(end.of("neighbour"), /^ok neighbour-is-undisturbed/m);
  const after = readFileSync(image);
  for (const [from, until] of [
    [0, MIB],
    [5 * MIB, 8 * MIB],
    [12 * MIB, 16 * MIB],
  ] as const)
    assert.ok(after.subarray(from, until).equals(before.subarray(from, until)), `bytes ${from} to ${until}`);
  for (let at = 0; at < RECORD_BYTES; at += 8) assert.equal(after.readBigUInt64LE(MIB + at), BigInt(LIVES));
});

/** A server on the host's loopback that counts what it is sent. */
const sink = async (): Promise<{ port: number; bytes: () => number; close: () => void }> => {
  let bytes = 0;
  const server = createServer((socket) => {
    socket.on("data", (part) => {
      bytes += part.length;
    });
    // The VM at the other end forgets it.
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, bytes: () => bytes, close: () => void server.close() };
};

test("Linux restarts while it writes to a slice and sends as fast as it can: its next life has both devices, nothing else is touched", async () => {
  const image = join(scratch(), "disk.img");
  const before = randomBytes(32 * MIB);
  writeFileSync(image, before);
  const { port, bytes, close } = await sink();
  const isSecond = '[ "$(dd if=/dev/vda bs=512 count=1 2>/dev/null | head -c 6)" = second ]';
  const secondLife = [
    "head -c 4000000 /dev/urandom >/tmp/file; dd if=/tmp/file of=/dev/vda bs=64k seek=1 conv=fsync 2>/dev/null",
    "echo 3 >/proc/sys/vm/drop_caches",
    "dd if=/dev/vda bs=64k skip=1 count=62 2>/dev/null | head -c 4000000 | cmp - /tmp/file && echo same",
    `head -c 100000 /dev/zero | nc 10.0.2.2 ${port} && echo sent`,
    "poweroff -f",
  ];
  const firstLife = [
    "echo second | dd of=/dev/vda bs=512 conv=sync,fsync 2>/dev/null",
    "while :; do dd if=/dev/urandom of=/dev/vda bs=64k seek=1 count=200 conv=fsync 2>/dev/null; done &",
    `nc 10.0.2.2 ${port} </dev/zero &`,
    // When much has been sent, and of sectors much has been written.
    "until [ $(cat /sys/class/net/eth0/statistics/tx_bytes) -gt 200000 ] && set -- $(cat /sys/block/vda/stat) && [ $7 -gt 2000 ]; do sleep 1; done",
    "echo restarts; reboot -f",
  ];
  const command = [
    "ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up",
    `if ${isSecond}; then ${secondLife.join("; ")}; fi`,
    firstLife.join("\n"),
  ];
  const modules = ["virtio_mmio", "virtio_blk", "virtio_net"];
  await using vm = await boot({
    system: {
      switches: [{ name: "out", uplink: true }],
      disks: [{ name: "data", board: { serial: "DISK", image }, start: 8 * MIB, size: 16 * MIB, writable: true }],
      vms: [
        {
          name: "linux",
          memory: "128M",
          kernel: { debian: "linux-6.1" },
          initrd: { busybox: { modules, command: command.join("; ") } },
          bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
          nets: [{ switch: "out" }],
          disks: [{ disk: "data" }],
        },
      ],
    },
  });
  await vm.expect("restarts");
  const sent = bytes();
  const end = await vm.end();
  close();
  assert.equal(end.halted?.off, true);
  const [, , second] = end.output.split(/^(restarts)\r?$/m);
  assert.match(second ?? "", /^same\r?$/m);
  assert.match(second ?? "", /^sent\r?$/m);
  assert.ok(bytes() >= sent + 100_000, `${sent} bytes, then ${bytes() - sent}`);
  const after = readFileSync(image);
  for (const [from, until] of [
    [0, 8 * MIB],
    [24 * MIB, 32 * MIB],
  ] as const)
    assert.ok(after.subarray(from, until).equals(before.subarray(from, until)), `bytes ${from} to ${until}`);
});
