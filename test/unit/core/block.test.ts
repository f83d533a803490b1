// The block device (virtio 1.2, 5.2) on disks in RAM: what a driver reads is what the file or itself has written, whatever pieces that comes in.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as machine } from "../../../abi/guest.ts";
import { virtioBlock as block, virtioMmio as register, virtioStatus as status, virtioDevices } from "../../../abi/virtio.ts";
import type { DiskOptions } from "../../../sim/bundles.ts";
import { randomOf } from "../../../sim/random.ts";
import { startSystem } from "../../../sim/start.ts";
import { Driver, type Part, Queue } from "./virtio-driver.ts";

const RAM = machine.RAM_BASE;
const RINGS = RAM + 0x40_0000;
const HEADER = RAM + 0x48_0000;
const STATUS = RAM + 0x48_1000;
const DATA = RAM + 0x50_0000;
const { BLOCK_T_IN: IN, BLOCK_T_OUT: OUT, BLOCK_T_FLUSH: FLUSH, BLOCK_T_GET_ID: GET_ID } = block;
const { BLOCK_T_DISCARD: DISCARD, BLOCK_T_WRITE_ZEROES: ZEROES } = block;

/** Bytes that are different everywhere. */
const pattern = (bytes: number, seed = 1): Buffer => {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let n = 0; n < words.length; n++) words[n] = Math.imul(n + 1, 0x9e37_79b1) ^ seed;
  return Buffer.from(words.buffer).subarray(0, bytes);
};

class Disk {
  readonly driver: Driver;
  readonly queue: Queue;
  constructor(driver: Driver) {
    this.driver = driver;
    this.queue = driver.start({ queues: 1, size: 64, base: RINGS })[0]!;
  }

  /** One request, kicked until it is back; returns the status, how many bytes were written, and how often the guest had to kick. */
  request(type: number, sector: number, data: readonly Part[], status: Part = { ipa: STATUS, bytes: 1, write: true }) {
    const { driver, queue } = this;
    const { memory } = driver;
    memory.write(HEADER, 4, type);
    memory.write(HEADER + 4, 4, 0xffff_ffff);
    memory.write(HEADER + 8, 8, BigInt(sector));
    memory.write(STATUS, 1, 0xff);
    queue.offer([{ ipa: HEADER, bytes: 16 }, ...data, status]);
    for (let kicks = 1; kicks < 1000; kicks++) {
      queue.kick();
      const [used] = queue.take();
      if (used !== undefined) return { status: memory.read(STATUS, 1), bytes: used.bytes, kicks };
    }
    throw new Error("the request does not come back");
  }

  read(sector: number, bytes: number): Buffer {
    const { memory } = this.driver;
    const found = this.request(IN, sector, [{ ipa: DATA, bytes, write: true }]);
    assert.deepEqual({ status: found.status, bytes: found.bytes }, { status: block.BLOCK_S_OK, bytes: bytes + 1 });
    return Buffer.from(memory.bytes(DATA, bytes));
  }
  write(sector: number, bytes: Uint8Array): number {
    this.driver.memory.fill(DATA, bytes);
    return this.request(OUT, sector, [{ ipa: DATA, bytes: bytes.length }]).status;
  }
  clear(type: number, sector: number, sectors: number, flags = 0): number {
    const { memory } = this.driver;
    memory.write(DATA, 8, sector);
    memory.write(DATA + 8, 4, sectors);
    memory.write(DATA + 12, 4, flags);
    return this.request(type, 0, [{ ipa: DATA, bytes: 16 }]).status;
  }
}

interface Options extends DiskOptions {
  readonly readOnly?: boolean;
  readonly serial?: string;
}

const withDisk = ({ readOnly, serial, ...disk }: Options): Disk => {
  const used = { disk: disk.name, ...(readOnly === undefined ? {} : { readOnly }), ...(serial === undefined ? {} : { serial }) };
  const found = startSystem({ disks: [disk], vms: [{ disks: [used] }] });
  return new Disk(new Driver(found.cpu(0).guest!));
};

const FILE = pattern(0x1_0000);
const writable = (): Disk => withDisk({ name: "disk", file: FILE, size: 0x2_0000, writable: true });

test("what the driver is told of a disk", () => {
  const { driver } = withDisk({ name: "disk", file: FILE });
  const word = (offset: number, bytes: 1 | 2 | 4 = 4): number => driver.read(register.VIRTIO_CONFIG + offset, bytes);
  assert.equal(driver.read(register.VIRTIO_DEVICE_ID), virtioDevices.VIRTIO_BLOCK);
  assert.deepEqual([word(block.BLOCK_CAPACITY), word(block.BLOCK_CAPACITY + 4)], [128, 0]);
  assert.equal(word(block.BLOCK_CAPACITY, 1), 128);
  assert.equal(word(block.BLOCK_BLK_SIZE), 512);
  assert.equal(word(block.BLOCK_BLK_SIZE + 1, 1), 2);
  assert.equal(word(block.BLOCK_SEG_MAX, 2), 126);
  assert.equal(word(block.BLOCK_CONFIG_BYTES), 0);
  assert.notEqual(driver.offered & block.BLOCK_F_RO, 0n);
  assert.equal(driver.offered & (block.BLOCK_F_DISCARD | block.BLOCK_F_WRITE_ZEROES), 0n);
  const other = writable().driver;
  assert.equal(other.offered & block.BLOCK_F_RO, 0n);
  assert.notEqual(other.offered & block.BLOCK_F_DISCARD, 0n);
});

test("a read-only disk is its file, and cannot be written", () => {
  const disk = withDisk({ name: "disk", file: FILE });
  assert.deepEqual(disk.read(0, 4096), FILE.subarray(0, 4096));
  assert.deepEqual(disk.read(3, 512), FILE.subarray(1536, 2048));
  assert.deepEqual(disk.read(127, 512), FILE.subarray(127 * 512));
  assert.equal(disk.write(0, pattern(512, 9)), block.BLOCK_S_IOERR);
  assert.equal(disk.clear(DISCARD, 0, 8), block.BLOCK_S_IOERR);
  assert.deepEqual(disk.read(0, 512), FILE.subarray(0, 512));
});

test("a file that is no whole number of blocks is followed by zeros", () => {
  const disk = withDisk({ name: "disk", file: FILE.subarray(0, 1000) });
  assert.deepEqual(disk.read(0, 4096), Buffer.concat([FILE.subarray(0, 1000), Buffer.alloc(3096)]));
});

test("two VMs read one disk, and see the same", () => {
  const found = startSystem({
    cpus: 2,
    disks: [{ name: "disk", file: FILE }],
    vms: [{ disks: [{ disk: "disk" }] }, { disks: [{ disk: "disk" }] }],
  });
  for (const n of [0, 1]) assert.deepEqual(new Disk(new Driver(found.running(n)!)).read(8, 4096), FILE.subarray(4096, 8192));
});

test("what is written is read, and the rest is the file's", () => {
  const disk = writable();
  const mine = pattern(5120, 77);
  // Across blocks, at odd sectors.
  assert.equal(disk.write(5, mine), 0);
  const expected = Buffer.concat([FILE, Buffer.alloc(0x1_0000)]);
  mine.copy(expected, 5 * 512);
  assert.deepEqual(disk.read(0, 0x4000), expected.subarray(0, 0x4000));
  // Behind the file, and across its end.
  assert.equal(disk.write(126, mine), 0);
  mine.copy(expected, 126 * 512);
  assert.deepEqual(disk.read(120, 0x4000), expected.subarray(120 * 512, 120 * 512 + 0x4000));
  assert.equal(disk.write(246, mine), 0);
  mine.copy(expected, 246 * 512);
  assert.deepEqual(disk.read(0, 0x2_0000), expected);
});

test("writes and reads of all shapes, in any pieces, are those of a plain array", () => {
  const disk = writable();
  const { memory } = disk.driver;
  const random = randomOf(5);
  const expected = Buffer.concat([FILE, Buffer.alloc(0x1_0000)]);
  for (let n = 0; n < 150; n++) {
    const sectors = 1 + random(20);
    const sector = random(256 - sectors);
    const bytes = sectors * 512;
    const isWrite = random(2) === 0;
    const parts: Part[] = [];
    for (let at = 0; at < bytes; ) {
      const length = parts.length === 40 ? bytes - at : Math.min(bytes - at, 1 + random(2000));
      parts.push({ ipa: DATA + at, bytes: length, write: !isWrite });
      at += length;
    }
    const mine = pattern(bytes, n);
    if (isWrite) memory.fill(DATA, mine);
    assert.equal(disk.request(isWrite ? OUT : IN, sector, parts).status, 0);
    if (isWrite) mine.copy(expected, sector * 512);
    else assert.deepEqual(Buffer.from(memory.bytes(DATA, bytes)), expected.subarray(sector * 512, sector * 512 + bytes));
  }
});

test("discarded and cleared sectors are zero, and no others", () => {
  const expected = Buffer.from(FILE);
  const disk = writable();
  for (const [type, sector, sectors, flags] of [
    [ZEROES, 3, 2, 1],
    [ZEROES, 15, 30, 0],
    [DISCARD, 64, 8, 0],
  ] as const) {
    assert.equal(disk.clear(type, sector, sectors, flags), 0);
    expected.fill(0, sector * 512, (sector + sectors) * 512);
  }
  assert.deepEqual(disk.read(0, 0x1_0000), expected);
});

test("what is written outlives a reset of the VM", () => {
  const disk = writable();
  const mine = pattern(4096, 3);
  disk.write(8, mine);
  const { guest } = disk.driver;
  guest.hvc(0x8400_0009n);
  const again = new Disk(new Driver(guest.machine.cpu(0).guest!));
  assert.deepEqual(again.read(8, 4096), mine);
});

test("a serial number: what the configuration says, else the disk's name", () => {
  const serial = (disk: Disk): string => {
    assert.equal(disk.request(GET_ID, 0, [{ ipa: DATA, bytes: 20, write: true }]).bytes, 21);
    return Buffer.from(disk.driver.memory.bytes(DATA, 20)).toString("latin1");
  };
  assert.equal(serial(withDisk({ name: "root", file: FILE })), `root${"\0".repeat(16)}`);
  assert.equal(serial(withDisk({ name: "root", file: FILE, serial: "0123456789abcdefghij" })), "0123456789abcdefghij");
});

test("a flush says that all is done", () => {
  assert.deepEqual(writable().request(FLUSH, 0, []), { status: 0, bytes: 1, kicks: 1 });
});

test("a large request is done in pieces, each at a kick that the guest makes again", () => {
  const disk = writable();
  const { status: found, kicks } = disk.request(IN, 0, [{ ipa: DATA, bytes: 0x2_0000, write: true }]);
  assert.equal(found, 0);
  assert.equal(kicks, 4);
  assert.deepEqual(Buffer.from(disk.driver.memory.bytes(DATA, 0x1_0000)), FILE);
});

test("a reset in the middle of a request: nothing is written behind it, and the device works again", () => {
  const disk = writable();
  const { driver, queue } = disk;
  driver.memory.write(HEADER, 8, IN);
  driver.memory.write(HEADER + 8, 8, 0);
  queue.offer([
    { ipa: HEADER, bytes: 16 },
    { ipa: DATA, bytes: 0x2_0000, write: true },
    { ipa: STATUS, bytes: 1, write: true },
  ]);
  queue.kick();
  assert.deepEqual(queue.take(), []);
  driver.reset();
  driver.memory.fill(queue.available, new Uint8Array(0x200));
  const again = new Disk(driver);
  assert.deepEqual(again.read(0, 512), FILE.subarray(0, 512));
});

test("a queue that is closed in the middle of a request, and opened elsewhere, knows nothing of it", () => {
  const disk = writable();
  const { driver, queue } = disk;
  driver.memory.write(HEADER, 8, IN);
  driver.memory.write(HEADER + 8, 8, 0);
  queue.offer([
    { ipa: HEADER, bytes: 16 },
    { ipa: DATA, bytes: 0x2_0000, write: true },
    { ipa: STATUS, bytes: 1, write: true },
  ]);
  queue.kick();
  driver.write(register.VIRTIO_QUEUE_SEL, 0);
  driver.write(register.VIRTIO_QUEUE_READY, 0);
  const other = new Queue(driver, 0, 64, RINGS + 0x4000);
  other.open();
  assert.equal(driver.read(register.VIRTIO_QUEUE_READY), 1);
  other.kick();
  assert.deepEqual([queue.take(), other.take()], [[], []]);
});

// --- what is wrong

const refused: Readonly<Record<string, (disk: Disk) => number>> = {
  "a read behind the end": (disk) => disk.request(IN, 256, [{ ipa: DATA, bytes: 512, write: true }]).status,
  "a read across the end": (disk) => disk.request(IN, 255, [{ ipa: DATA, bytes: 1024, write: true }]).status,
  "a read at a sector that overflows": (disk) => disk.request(IN, 2 ** 60, [{ ipa: DATA, bytes: 512, write: true }]).status,
  "a read of no whole sectors": (disk) => disk.request(IN, 0, [{ ipa: DATA, bytes: 511, write: true }]).status,
  "a write across the end": (disk) => disk.request(OUT, 255, [{ ipa: DATA, bytes: 1024 }]).status,
  "a write of no whole sectors": (disk) => disk.request(OUT, 0, [{ ipa: DATA, bytes: 100 }]).status,
  "clearing across the end": (disk) => disk.clear(ZEROES, 255, 2),
  "clearing at a sector that overflows": (disk) => disk.clear(ZEROES, 2 ** 52, 2),
};
for (const [name, does] of Object.entries(refused)) {
  test(`${name}: an error, and the device goes on`, () => {
    const disk = writable();
    assert.equal(does(disk), block.BLOCK_S_IOERR);
    assert.deepEqual(disk.read(0, 512), FILE.subarray(0, 512));
  });
}

test("requests that do not exist, or clear too much or with other flags, are unsupported", () => {
  const disk = writable();
  assert.equal(disk.request(99, 0, []).status, block.BLOCK_S_UNSUPP);
  assert.equal(disk.clear(ZEROES, 0, 0x10_0000), block.BLOCK_S_UNSUPP);
  assert.equal(disk.clear(ZEROES, 0, 1, 2), block.BLOCK_S_UNSUPP);
  assert.equal(disk.clear(DISCARD, 0, 1, 1), block.BLOCK_S_UNSUPP);
  assert.equal(disk.request(ZEROES, 0, [{ ipa: DATA, bytes: 32 }]).status, block.BLOCK_S_UNSUPP);
});

for (const [name, parts] of [
  [
    "without a header",
    [
      { ipa: HEADER, bytes: 15 },
      { ipa: STATUS, bytes: 1, write: true },
    ],
  ],
  ["without a status", [{ ipa: HEADER, bytes: 16 }]],
] as const) {
  test(`a request ${name} breaks the device`, () => {
    const { queue, driver } = writable();
    queue.offer(parts);
    queue.kick();
    assert.deepEqual(queue.take(), []);
    assert.notEqual(driver.status & status.STATUS_NEEDS_RESET, 0);
  });
}
