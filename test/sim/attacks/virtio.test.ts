// Attacks by virtio: rows 51 and 52, on every type of device that there is, and every queue.

import assert from "node:assert/strict";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { virtioMmio as register, virtioStatus as status, virtioDevices, virtqueue } from "../../../abi/virtio.ts";
import { oneOf, randomOf } from "../../../sim/random.ts";
import { RAM_BASE } from "../../../sim/start.ts";
import { Driver, F_VERSION_1, Queue } from "../../unit/core/virtio-driver.ts";
import { attack } from "./attack.ts";
import type { Scene, SceneOptions } from "./scene.ts";

const { DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE } = virtqueue;
const RAM_END = RAM_BASE + 0x100_0000;
const RINGS = RAM_BASE + 0x40_0000;
const TABLE = RAM_BASE + 0x60_0000;
const DATA = RAM_BASE + 0x70_0000;
const SIZE = 16;

/** A port of the healthy VM's switch, two disks, an entropy device. */
const options: SceneOptions = {
  hostile: {
    nets: [{ switch: "lan" }],
    disks: [{ disk: "data" }, { disk: "files" }],
    devices: { entropy: true },
  },
  more: [{ nets: [{ switch: "lan" }] }],
  system: {
    switches: [{ name: "lan", capture: 4096 }],
    disks: [
      { name: "data", size: 0x1_0000, writable: true },
      { name: "files", file: Buffer.alloc(4096, 7) },
    ],
  },
};
const DEVICES = 4;

const queuesOf = (driver: Driver): number => (driver.read(register.VIRTIO_DEVICE_ID) === virtioDevices.VIRTIO_NET ? 2 : 1);

/** Each queue of each device, with that device just brought up. */
const eachQueue = (scene: Scene, does: (queue: Queue, name: string) => void): void => {
  for (let slot = 0; slot < DEVICES; slot++) {
    const count = queuesOf(new Driver(scene.hostile, slot));
    for (let n = 0; n < count; n++) {
      const driver = new Driver(scene.hostile, slot);
      driver.reset();
      driver.memory.fill(RINGS, new Uint8Array(0x8000));
      const queues = driver.start({ queues: count, size: SIZE, base: RINGS });
      does(queues[n]!, `queue ${n} of device ${slot}`);
    }
  }
};

const isBroken = ({ driver }: Queue): boolean => (driver.status & status.STATUS_NEEDS_RESET) !== 0;
/** Nothing has come back, and the device has said that it is broken; a queue that is only filled for the device says so when that looks. */
const requireBroken = (queue: Queue, name: string): void => {
  queue.kick();
  assert.deepEqual(queue.take(), [], name);
  const isFilled = queue.number === 0 && queue.driver.read(register.VIRTIO_DEVICE_ID) === virtioDevices.VIRTIO_NET;
  if (!isFilled) assert.ok(isBroken(queue), name);
};

attack(
  51,
  "kicks before DRIVER_OK, and of queues that are not there, do nothing",
  (scene) => {
    for (let slot = 0; slot < DEVICES; slot++) {
      const driver = new Driver(scene.hostile, slot);
      const kickAll = (): void => {
        for (const number of [0, 1, 2, 255, 0xffff, 0xffff_ffff]) driver.write(register.VIRTIO_QUEUE_NOTIFY, number);
      };
      kickAll();
      assert.ok(driver.negotiate(F_VERSION_1));
      const queue = new Queue(driver, 0, SIZE, RINGS);
      queue.open();
      queue.offer([{ ipa: DATA, bytes: 64, write: true }]);
      kickAll();
      assert.deepEqual(queue.take(), []);
      driver.reset();
      kickAll();
      assert.equal(driver.status, 0);
    }
  },
  options,
);

attack(
  51,
  "rings that are not RAM, across its end or near 2^64, or at odd addresses are not used",
  (scene) => {
    for (let slot = 0; slot < DEVICES; slot++) {
      for (const base of [0, guestMachine.UART_BASE, RAM_END - 64, RAM_END, RAM_BASE - 16, 2 ** 64 - 4096, 2 ** 40, RINGS + 1]) {
        const driver = new Driver(scene.hostile, slot);
        driver.reset();
        assert.ok(driver.negotiate(F_VERSION_1));
        new Queue(driver, 0, SIZE, base).open();
        driver.write(register.VIRTIO_STATUS, driver.status | status.STATUS_DRIVER_OK);
        assert.equal(driver.read(register.VIRTIO_QUEUE_READY), 0);
        driver.write(register.VIRTIO_QUEUE_NOTIFY, 0);
        assert.notEqual(driver.status & status.STATUS_NEEDS_RESET, 0);
      }
    }
  },
  options,
);

attack(
  51,
  "rings and buffers on top of each other: the device writes where it was told to, and no more comes of it",
  (scene) => {
    eachQueue(scene, (queue) => {
      const { memory } = queue.driver;
      const places = [queue.descriptors, queue.available, queue.used];
      for (const place of places) {
        for (let n = 0; n < 4; n++)
          queue.offer([
            { ipa: place, bytes: 16 },
            { ipa: place, bytes: 300, write: true },
          ]);
        queue.kick();
      }
      memory.write(queue.available + 2, 2, 0x55);
      queue.kick();
      queue.driver.reset();
      // One area on another.
      const twisted = new Queue(queue.driver, queue.number, SIZE, RINGS);
      Object.assign(twisted, { available: RINGS, used: RINGS });
      assert.ok(queue.driver.negotiate(queue.driver.offered));
      twisted.open();
      queue.driver.write(register.VIRTIO_STATUS, queue.driver.status | status.STATUS_DRIVER_OK);
      for (let n = 0; n < 40; n++) {
        memory.write(RINGS + 2, 2, n);
        twisted.kick();
      }
    });
  },
  options,
);

const writable = DESC_F_WRITE;
/** What no driver may do in a ring, and breaks the device. */
const wrongs: Readonly<Record<string, (queue: Queue) => void>> = {
  "a loop": (queue) => {
    queue.describe(queue.descriptors, 0, { ipa: DATA, bytes: 16 }, DESC_F_NEXT, 1);
    queue.describe(queue.descriptors, 1, { ipa: DATA, bytes: 16 }, DESC_F_NEXT, 0);
    queue.push(0);
  },
  "a descriptor that follows itself": (queue) => {
    queue.describe(queue.descriptors, 3, { ipa: DATA, bytes: 1 }, writable | DESC_F_NEXT, 3);
    queue.push(3);
  },
  "a chain that is longer than its queue": (queue) => {
    for (let n = 0; n < SIZE + 1; n++) queue.describe(TABLE, n, { ipa: DATA, bytes: 1 }, DESC_F_NEXT, n + 1);
    queue.describe(queue.descriptors, 0, { ipa: TABLE, bytes: 16 * (SIZE + 1) }, DESC_F_INDIRECT, 0);
    queue.push(0);
  },
  "a loop in a table": (queue) => {
    queue.describe(TABLE, 0, { ipa: DATA, bytes: 1 }, DESC_F_NEXT, 0);
    queue.describe(queue.descriptors, 0, { ipa: TABLE, bytes: 16 }, DESC_F_INDIRECT, 0);
    queue.push(0);
  },
  "a table in a table": (queue) => {
    queue.describe(TABLE, 0, { ipa: TABLE, bytes: 16 }, DESC_F_INDIRECT, 0);
    queue.describe(queue.descriptors, 0, { ipa: TABLE, bytes: 16 }, DESC_F_INDIRECT, 0);
    queue.push(0);
  },
  "an empty buffer": (queue) => void queue.offer([{ ipa: DATA, bytes: 0 }]),
  "a buffer that is not RAM": (queue) => void queue.offer([{ ipa: guestMachine.GICD_BASE, bytes: 16 }]),
  "a buffer across the end of RAM": (queue) => void queue.offer([{ ipa: RAM_END - 8, bytes: 16 }]),
  "a buffer of 4 GiB": (queue) => void queue.offer([{ ipa: DATA, bytes: 0xffff_ffff, write: true }]),
  "a buffer that wraps": (queue) => void queue.offer([{ ipa: 2 ** 64 - 4096, bytes: 8192 }]),
  "a head that is not there": (queue) => queue.push(SIZE),
  "an index that jumps": (queue) => {
    queue.offered = 0x7fff;
    queue.push(0);
  },
};

attack(
  52,
  "loops, overlong chains, empty and impossible buffers, jumps of an index: the device is broken until it is reset",
  (scene) => {
    for (const [name, does] of Object.entries(wrongs)) {
      eachQueue(scene, (queue, which) => {
        does(queue);
        requireBroken(queue, `${name}, ${which}`);
      });
    }
  },
  options,
);

attack(
  52,
  "features that were never offered are not agreed to",
  (scene) => {
    for (let slot = 0; slot < DEVICES; slot++) {
      const driver = new Driver(scene.hostile, slot);
      const offered = driver.offered;
      for (let bit = 0n; bit < 64n; bit++) {
        driver.reset();
        assert.equal(driver.negotiate(F_VERSION_1 | (1n << bit)), ((offered >> bit) & 1n) === 1n);
      }
      driver.reset();
      assert.equal(driver.negotiate(0xffff_ffff_ffff_ffffn), false);
    }
  },
  options,
);

attack(
  52,
  "3,000 steps of a driver gone mad, rings of noise, resets at any moment: nobody notices",
  (scene) => {
    const random = randomOf(52);
    const flags = [0, DESC_F_NEXT, DESC_F_WRITE, DESC_F_NEXT | DESC_F_WRITE, DESC_F_INDIRECT, 0xffff];
    const places = [DATA, TABLE, RINGS, RAM_END - 32, RAM_BASE, guestMachine.UART_BASE, 2 ** 64 - 64];
    const lengths = [0, 1, 12, 16, 64, 1500, 4096, 0x1_0000, 0xffff_ffff];
    let queues: Queue[] = [];
    for (let step = 0; step < 3000; step++) {
      const queue = oneOf(random, queues);
      const driver = queue?.driver ?? new Driver(scene.hostile, random(DEVICES));
      switch (queue === undefined ? 0 : random(8)) {
        case 0: {
          const fresh = new Driver(scene.hostile, random(DEVICES));
          fresh.reset();
          fresh.memory.fill(RINGS, new Uint8Array(0x800));
          queues = fresh.start({ queues: queuesOf(fresh), size: SIZE, base: RINGS });
          break;
        }
        case 1:
          driver.write(4 * random(0x50), random(2 ** 32));
          break;
        case 2:
          driver.memory.write(RINGS + random(0x800), 1 + random(2), random(256));
          break;
        case 3:
          queue!.push(random(SIZE + 1));
          break;
        case 4:
          queue!.kick();
          break;
        default: {
          const part = { ipa: oneOf(random, places), bytes: oneOf(random, lengths) };
          queue!.describe(
            random(4) === 0 ? TABLE : queue!.descriptors,
            random(SIZE),
            part,
            oneOf(random, flags),
            random(SIZE + 1),
          );
        }
      }
    }
  },
  options,
);
