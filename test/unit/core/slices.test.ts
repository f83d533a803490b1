// Block devices on slices of the board's disks (virtio 1.2, 5.2): what a driver asks is done there, in its slice alone, and what it is told is true.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as machine } from "../../../abi/guest.ts";
import { virtioBlock as block, virtioMmio as register, virtioDevices, virtioFeatures } from "../../../abi/virtio.ts";
import type { BoardVirtio, Buffers } from "../../../sim/board-virtio.ts";
import { bundleOfSystem } from "../../../sim/bundles.ts";
import type { Machine } from "../../../sim/machine.ts";
import { FDT_AT, load } from "../../../sim/start.ts";
import { Driver, type Queue, type Used } from "./virtio-driver.ts";

const RAM = machine.RAM_BASE;
const RINGS = RAM + 0x40_0000;
const HEADERS = RAM + 0x48_0000;
const DATA = RAM + 0x50_0000;
const { BLOCK_T_IN: IN, BLOCK_T_OUT: OUT, BLOCK_T_FLUSH: FLUSH, BLOCK_T_GET_ID: GET_ID, SECTOR } = block;
const [FEATURE_FLUSH, BASIC] = [block.BLOCK_F_FLUSH, virtioFeatures.F_VERSION_1];

const pattern = (bytes: number, seed = 1): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, n) => (n * 7 + (n >> 8) + seed) & 0xff));

/** A disk of the board: what is on it, and what it is asked, which it does at once or when it is told to. */
class BoardDisk {
  readonly device: BoardVirtio;
  readonly image: Buffer;
  readonly serial: string;
  readonly asked: { type: number; sector: number; bytes: number }[] = [];
  /** It does what it is asked only when `work` is called. */
  isSlow = false;
  /** The next requests fail. */
  fails = false;
  #waiting: Buffers[] = [];

  constructor(device: BoardVirtio, image: Buffer, serial: string) {
    this.device = device;
    this.image = image;
    this.serial = serial;
    device.onKick = () => {
      for (let chain = device.take(0); chain !== undefined; chain = device.take(0)) this.#waiting.push(chain);
      if (!this.isSlow) this.work();
    };
  }

  /** Does what it was asked; of several requests the last one first, as disks may. */
  work(): void {
    for (let chain = this.#waiting.pop(); chain !== undefined; chain = this.#waiting.pop()) this.#do(chain);
  }

  #do(chain: Buffers): void {
    const bytes = this.device.readBuffers(chain);
    const [type, sector] = [bytes.readUInt32LE(0), Number(bytes.readBigUInt64LE(8))];
    const room = chain.writable.reduce((sum, part) => sum + part.bytes, 0) - 1;
    const at = sector * SECTOR;
    if (type !== GET_ID) this.asked.push({ type, sector, bytes: type === IN ? room : bytes.length - 16 });
    const answer = (data: Buffer): void => this.device.give(0, chain, Buffer.concat([data, Buffer.from([this.fails ? 1 : 0])]));
    if (type === IN) answer(Buffer.from(this.image.subarray(at, at + room)));
    else if (type === GET_ID) answer(Buffer.from(this.serial.padEnd(20, "\0").slice(0, room), "latin1"));
    else {
      if (type === OUT && !this.fails) bytes.copy(this.image, at, 16);
      answer(Buffer.alloc(0));
    }
  }
}

interface Slice {
  readonly start?: number;
  readonly size?: number;
  readonly writable?: boolean;
  readonly serial?: string;
}

interface Options {
  readonly legacy?: boolean;
  readonly features?: bigint;
  /** How many slices each VM has. */
  readonly devices?: number;
}

/** A board with one disk of 1 MiB, and VMs, on a CPU each, that have slices of it. */
const board = (
  slices: readonly Slice[],
  { legacy = false, features = FEATURE_FLUSH, devices = 1 }: Options = {},
): { disk: BoardDisk; machine: Machine } => {
  const image = pattern(0x10_0000);
  const config = Buffer.alloc(60);
  config.writeBigUInt64LE(BigInt(image.length / SECTOR), 0);
  const disks = slices.map(({ serial = "DISK", ...slice }, n) => ({
    name: `disk${n}`,
    writable: true,
    board: { serial },
    ...slice,
  }));
  const vms = Array.from({ length: slices.length / devices }, (_, n) => ({
    disks: disks.slice(n * devices, (n + 1) * devices).map(({ name }) => ({ disk: name })),
  }));
  const found = load({
    machine: { cpus: vms.length, virtio: [{ type: virtioDevices.VIRTIO_BLOCK, legacy, features, config }] },
    bundle: bundleOfSystem({ disks, vms }),
  });
  const disk = new BoardDisk(found.virtio[0]!, image, "DISK");
  found.run.boot(BigInt(FDT_AT), 0n);
  found.run.settle();
  return { disk, machine: found };
};

/** A driver of one of the VMs, with room for several requests. */
class Client {
  readonly driver: Driver;
  readonly queue: Queue;
  readonly #machine: Machine;
  readonly #base: number;
  #count = 0;

  constructor(found: Machine, vm = 0, features?: bigint, slot = 0) {
    this.#machine = found;
    this.#base = slot * 0x40_0000;
    this.driver = new Driver(found.running(vm)!, slot);
    this.queue = this.driver.start({
      queues: 1,
      size: 64,
      base: RINGS + this.#base,
      ...(features === undefined ? {} : { features }),
    })[0]!;
  }

  /** Offers a request; returns the place of its status. */
  offer(type: number, sector: number, bytes: number): number {
    const header = HEADERS + this.#base + 64 * this.#count++;
    const status = header + 32;
    const { memory } = this.driver;
    memory.write(header, 8, type);
    memory.write(header + 8, 8, BigInt(sector));
    memory.write(status, 1, 0xff);
    const data = bytes === 0 ? [] : [{ ipa: DATA + this.#base, bytes, write: type !== OUT }];
    this.queue.offer([{ ipa: header, bytes: 16 }, ...data, { ipa: status, bytes: 1, write: true }]);
    return status;
  }
  /** The board's interrupts come. */
  wait(): Used[] {
    for (let n = 0; n < 100; n++) this.#machine.run.settle();
    return this.queue.take();
  }
  request(type: number, sector: number, bytes: number): number {
    const status = this.offer(type, sector, bytes);
    this.queue.kick();
    assert.equal(this.wait().length, 1, "the request comes back");
    return this.driver.memory.read(status, 1);
  }
  read(sector: number, bytes: number): Buffer {
    assert.equal(this.request(IN, sector, bytes), 0);
    return this.data(bytes);
  }
  /** What the last request has read. */
  data(bytes: number): Buffer {
    return Buffer.from(this.driver.memory.bytes(DATA + this.#base, bytes));
  }
  write(sector: number, bytes: Buffer): number {
    this.driver.memory.fill(DATA + this.#base, bytes);
    return this.request(OUT, sector, bytes.length);
  }
}

for (const legacy of [false, true]) {
  test(`a slice is read and written, and nothing outside it: a ${legacy ? "legacy" : "modern"} disk`, () => {
    const { disk, machine: found } = board([{ start: 0x8000, size: 0x2_0000 }], { legacy });
    const client = new Client(found);
    const before = Buffer.from(disk.image);
    assert.equal(client.driver.read(register.VIRTIO_CONFIG), 0x2_0000 / SECTOR);
    assert.deepEqual(client.read(0, 4096), before.subarray(0x8000, 0x9000));
    // In pieces of 32 KiB.
    assert.deepEqual(client.read(3, 0x1_2000), before.subarray(0x8600, 0x1_a600));
    const mine = pattern(0x1_0200, 99);
    assert.equal(client.write(7, mine), 0);
    mine.copy(before, 0x8000 + 7 * SECTOR);
    assert.ok(disk.image.equals(before));
    assert.deepEqual(client.read(7, mine.length), mine);
    for (const [sector, bytes] of [
      [256, 512],
      [255, 1024],
      [2 ** 55, 512],
    ] as const) {
      assert.equal(client.request(IN, sector, bytes), block.BLOCK_S_IOERR);
      assert.equal(client.request(OUT, sector, bytes), block.BLOCK_S_IOERR);
    }
    assert.ok(disk.image.equals(before));
  });
}

test("two VMs have two slices, at once, and the driver is interrupted when its own is done", () => {
  const { disk, machine: found } = board([{ size: 0x4000 }, { start: 0x4000 }]);
  const [one, two] = [new Client(found, 0), new Client(found, 1)];
  for (const { driver } of [one, two]) driver.openInterrupt();
  disk.isSlow = true;
  const statuses = [one, two].map((client) => {
    const status = client.offer(IN, 1, 512);
    client.queue.kick();
    return status;
  });
  assert.deepEqual([one.queue.take(), two.queue.take()], [[], []]);
  disk.work();
  found.run.settle();
  for (const [n, client] of [one, two].entries()) {
    assert.equal(client.driver.guest.acknowledge(), client.driver.intid);
    assert.equal(client.driver.memory.read(statuses[n]!, 1), 0);
    assert.deepEqual(
      Buffer.from(client.driver.memory.bytes(DATA, 512)),
      pattern(0x10_0000).subarray(512 + 0x4000 * n, 1024 + 0x4000 * n),
    );
  }
  assert.equal(two.driver.read(register.VIRTIO_CONFIG), (0x10_0000 - 0x4000) / SECTOR);
});

test("a flush goes to the disk, and is answered when that has answered", () => {
  const { disk, machine: found } = board([{}]);
  const client = new Client(found);
  client.write(0, pattern(512, 3));
  assert.deepEqual(
    disk.asked.map(({ type }) => type),
    [OUT],
  );
  disk.isSlow = true;
  client.offer(FLUSH, 0, 0);
  client.queue.kick();
  assert.deepEqual(client.wait(), []);
  disk.work();
  assert.equal(client.wait().length, 1);
  assert.deepEqual(
    disk.asked.map(({ type }) => type),
    [OUT, FLUSH],
  );
});

test("a driver that does not flush is told of a write when that is on the disk", () => {
  const { disk, machine: found } = board([{}]);
  const client = new Client(found, 0, BASIC);
  client.write(0, pattern(512, 3));
  assert.deepEqual(
    disk.asked.map(({ type }) => type),
    [OUT, FLUSH],
  );
});

test("a disk that writes through gets no flush", () => {
  const { disk, machine: found } = board([{}], { features: 0n });
  const client = new Client(found);
  assert.equal(client.request(FLUSH, 0, 0), 0);
  client.write(0, pattern(512, 3));
  assert.deepEqual(
    disk.asked.map(({ type }) => type),
    [OUT],
  );
});

test("an error of the disk is an error of the request, of that one alone", () => {
  const { disk, machine: found } = board([{}]);
  const client = new Client(found);
  disk.fails = true;
  assert.equal(client.request(IN, 0, 0x1_0000), block.BLOCK_S_IOERR);
  assert.equal(client.write(0, pattern(512)), block.BLOCK_S_IOERR);
  assert.equal(client.request(FLUSH, 0, 0), block.BLOCK_S_IOERR);
  disk.fails = false;
  assert.deepEqual(client.read(0, 512), disk.image.subarray(0, 512));
});

test("what a slice's driver was not offered does not reach the disk", () => {
  const features = FEATURE_FLUSH | block.BLOCK_F_DISCARD | block.BLOCK_F_WRITE_ZEROES;
  const { disk, machine: found } = board([{ start: 0x8000, size: 0x8000 }], { features });
  const client = new Client(found);
  for (const type of [block.BLOCK_T_DISCARD, block.BLOCK_T_WRITE_ZEROES]) {
    const header = HEADERS + 0x8000;
    const { memory } = client.driver;
    memory.write(header, 8, type);
    memory.write(header + 8, 8, 0n);
    memory.write(header + 16, 8, 0n);
    memory.write(header + 24, 8, 1n);
    client.queue.offer([
      { ipa: header, bytes: 32 },
      { ipa: header + 64, bytes: 1, write: true },
    ]);
    client.queue.kick();
    assert.equal(client.wait().length, 1);
    assert.equal(memory.read(header + 64, 1), block.BLOCK_S_UNSUPP);
  }
  assert.deepEqual(disk.asked, []);
});

test("many requests are done one after the other, in order, at one kick", () => {
  const { disk, machine: found } = board([{}]);
  const client = new Client(found);
  const statuses = Array.from({ length: 20 }, (_, n) => client.offer(n % 5 === 4 ? 77 : IN, n, 512));
  client.queue.kick();
  const used = client.wait();
  assert.deepEqual(
    used.map(({ head }) => head),
    statuses.map((_, n) => used[n]!.head).toSorted((a, b) => a - b),
  );
  assert.equal(used.length, 20);
  assert.deepEqual(
    statuses.map((status) => client.driver.memory.read(status, 1)),
    statuses.map((_, n) => (n % 5 === 4 ? block.BLOCK_S_UNSUPP : 0)),
  );
  assert.equal(disk.asked.length, 16);
});

test("a flood of requests that are answered at once does not keep the hypervisor: the rest comes", () => {
  const { disk, machine: found } = board([{}]);
  const client = new Client(found);
  disk.isSlow = true;
  client.offer(IN, 0, 512);
  client.queue.kick();
  for (let n = 0; n < 20; n++) client.offer(99, 0, 0);
  disk.work();
  disk.isSlow = false;
  assert.equal(client.wait().length, 21);
});

test("a VM that resets itself in the middle of a request: its memory stays as it is, and the disk serves it again", () => {
  const { disk, machine: found } = board([{}]);
  const client = new Client(found);
  disk.isSlow = true;
  client.offer(IN, 0, 4096);
  client.queue.kick();
  client.driver.guest.hvc(0x8400_0009n);
  found.run.settle();
  const again = new Client(found);
  const before = Buffer.from(again.driver.memory.bytes(DATA, 4096));
  disk.work();
  assert.deepEqual(again.wait(), []);
  assert.deepEqual(Buffer.from(again.driver.memory.bytes(DATA, 4096)), before);
  disk.isSlow = false;
  assert.deepEqual(again.read(8, 512), disk.image.subarray(8 * SECTOR, 9 * SECTOR));
});

/** Twice as many devices as the disk has slots, on 4 KiB each; it is slow. */
const crowd = (): { disk: BoardDisk; machine: Machine; clients: Client[] } => {
  const { disk, machine: found } = board(
    Array.from({ length: 16 }, (_, n) => ({ start: 0x1000 * n, size: 0x1000 })),
    { devices: 2 },
  );
  disk.isSlow = true;
  return { disk, machine: found, clients: Array.from({ length: 16 }, (_, n) => new Client(found, n >> 1, undefined, n & 1)) };
};

test("more devices than the disk has slots: those that wait get one", () => {
  const { disk, machine: found, clients } = crowd();
  const statuses = clients.map((client) => {
    const status = client.offer(IN, 0, 512);
    client.queue.kick();
    return status;
  });
  disk.work();
  assert.equal(disk.asked.length, 8);
  found.run.settle();
  disk.work();
  assert.equal(disk.asked.length, 16);
  for (const [n, client] of clients.entries()) {
    assert.equal(client.wait().length, 1);
    assert.equal(client.driver.memory.read(statuses[n]!, 1), 0);
    assert.deepEqual(client.data(512), disk.image.subarray(0x1000 * n, 0x1000 * n + 512));
  }
});

test("devices that always have more do not keep the slots from one that waits", () => {
  const { disk, machine: found, clients } = crowd();
  // Eight have all slots, and as much to do behind that.
  for (const client of clients.slice(0, 8)) {
    for (let n = 0; n < 10; n++) client.offer(IN, 0, 512);
    client.queue.kick();
  }
  const late = clients.slice(8);
  for (const client of late) {
    client.offer(IN, 0, 512);
    client.queue.kick();
  }
  disk.work();
  found.run.settle();
  disk.work();
  assert.deepEqual(
    late.map((client) => client.wait().length),
    Array(8).fill(1),
  );
});

test("an interrupt of the disk works for those alone whom it concerns, and a little for each", () => {
  const { disk, machine: found, clients } = crowd();
  for (const client of clients.slice(0, 8)) {
    client.offer(IN, 0, 512);
    client.queue.kick();
  }
  for (const client of clients) for (let n = 0; n < 12; n++) client.offer(99, 0, 0);
  disk.work();
  const before = found.calls;
  found.running(0)!.poll();
  const calls = found.calls - before;
  assert.ok(calls < 1000, `${calls} calls of the HAL`);
  disk.isSlow = false;
  disk.work();
  for (const client of clients.slice(8)) client.queue.kick();
  assert.deepEqual(
    clients.map((client) => client.wait().length),
    [...Array(8).fill(13), ...Array(8).fill(8)],
  );
});

test("a flush carries no sector", () => {
  const { disk, machine: found } = board([{ start: 0x8000, size: 0x1000 }]);
  const client = new Client(found);
  assert.equal(client.write(4, pattern(512)), 0);
  assert.equal(client.request(FLUSH, 4, 0), 0);
  assert.equal(disk.asked.find(({ type }) => type === FLUSH)!.sector, 0);
});

for (const [name, slice] of Object.entries({
  "another serial number": { serial: "OTHER" },
  "a slice behind its end": { start: 0x20_0000 },
})) {
  test(`${name}: the disk is empty, the log says so, and requests fail`, () => {
    const { machine: found } = board([slice]);
    assert.match(
      found.uart.output,
      /<3>.*virtio: disk 0 is empty: the board has none with its serial number, or that is too small/,
    );
    const client = new Client(found);
    assert.equal(client.driver.read(register.VIRTIO_CONFIG), 0);
    client.offer(IN, 0, 512);
    client.queue.kick();
    assert.equal(client.queue.take().length, 1);
  });
}
