// Transport and virtqueues (virtio 1.2, 2 and 4.2) as a driver meets them, right or wrong, on the entropy device.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as machine } from "../../../abi/guest.ts";
import { virtioMmio as register, virtioStatus as status, virtioDevices, virtqueue } from "../../../abi/virtio.ts";
import type { Guest } from "../../../sim/guest.ts";
import { start } from "../../../sim/start.ts";
import { Driver, F_EVENT_IDX, F_INDIRECT_DESC, F_VERSION_1, Queue } from "./virtio-driver.ts";

const RAM = machine.RAM_BASE;
const RAM_END = RAM + 0x100_0000;
const RINGS = RAM + 0x40_0000;
const BUFFERS = RAM + 0x50_0000;
const TABLE = RAM + 0x60_0000;

const at = (): Guest => start({ vm: { devices: { entropy: true } } });

const up = (features = F_VERSION_1 | F_INDIRECT_DESC): Queue => {
  const [queue] = new Driver(at()).start({ queues: 1, base: RINGS, features });
  return queue!;
};

const isBroken = ({ driver }: Queue): boolean => (driver.status & status.STATUS_NEEDS_RESET) !== 0;

/** Offers, kicks, and returns what came back. */
const round = (queue: Queue, ...args: Parameters<Queue["offer"]>): ReturnType<Queue["take"]> => {
  queue.offer(...args);
  queue.kick();
  return queue.take();
};

const room = { ipa: BUFFERS, bytes: 64, write: true };

test("it identifies itself: a modern transport, ours, of its type", () => {
  const driver = new Driver(at());
  assert.equal(driver.read(register.VIRTIO_MAGIC_VALUE), register.VIRTIO_MAGIC);
  assert.equal(driver.read(register.VIRTIO_VERSION), 2);
  assert.equal(driver.read(register.VIRTIO_DEVICE_ID), virtioDevices.VIRTIO_ENTROPY);
  assert.equal(driver.read(register.VIRTIO_VENDOR_ID), register.VIRTIO_VENDOR);
  assert.equal(driver.offered, F_VERSION_1 | F_INDIRECT_DESC | F_EVENT_IDX);
  assert.equal(driver.read(register.VIRTIO_SHM_LEN_LOW), 0xffff_ffff);
});

test("where a VM has no device nothing answers", () => {
  const guest = at();
  guest.load(machine.VIRTIO_BASE + machine.VIRTIO_STRIDE);
  assert.equal(guest.pc, guest.sysreg("VBAR_EL1") + 0x200n);
});

test("a request is answered with random bytes, once, and the driver is interrupted", () => {
  const queue = up();
  queue.driver.openInterrupt();
  assert.deepEqual(round(queue, [room]), [{ head: 0, bytes: 64 }]);
  const first = queue.driver.memory.bytes(BUFFERS, 64);
  assert.ok(new Set(first).size > 20);
  assert.deepEqual([...queue.driver.memory.bytes(BUFFERS + 64, 8)], Array(8).fill(0));
  const { guest } = queue.driver;
  assert.equal(guest.acknowledge(), queue.driver.intid);
  assert.equal(queue.driver.read(register.VIRTIO_INTERRUPT_STATUS), status.INTERRUPT_USED);
  queue.driver.write(register.VIRTIO_INTERRUPT_ACK, status.INTERRUPT_USED);
  guest.end(queue.driver.intid);
  assert.equal(queue.driver.read(register.VIRTIO_INTERRUPT_STATUS), 0);
  assert.equal(guest.isSignalled, false);
  assert.deepEqual(round(queue, [room]), [{ head: 1, bytes: 64 }]);
  assert.notDeepEqual(queue.driver.memory.bytes(BUFFERS, 64), first);
  assert.ok(guest.isSignalled);
});

test("chains of several buffers, in the ring and in a table, are one stream", () => {
  const parts = [7, 1, 12, 30].map((bytes, n) => ({ ipa: BUFFERS + 100 * n, bytes, write: true }));
  for (const table of [undefined, TABLE]) {
    const queue = up();
    assert.deepEqual(round(queue, parts, table), [{ head: 0, bytes: 50 }]);
    const words = queue.driver.memory.bytes(BUFFERS, 400);
    for (const [n, { bytes }] of parts.entries()) {
      assert.ok(
        words.subarray(100 * n, 100 * n + bytes).some((byte) => byte !== 0),
        `part ${n}`,
      );
      assert.ok(
        words.subarray(100 * n + bytes, 100 * n + 100).every((byte) => byte === 0),
        `behind part ${n}`,
      );
    }
  }
});

test("the ring goes round, and its indices beyond 2^16", () => {
  const queue = up();
  for (let n = 0; n < 2 ** 16 + 20; n++) {
    queue.push(0);
    if (n === 0) queue.describe(queue.descriptors, 0, { ipa: BUFFERS, bytes: 1 }, virtqueue.DESC_F_WRITE, 0);
    if (n % 8 === 7) {
      queue.kick();
      assert.equal(queue.take().length, 8);
    }
  }
  assert.equal(isBroken(queue), false);
});

test("a request larger than a piece of work is answered in part, and many requests by going on at the kick", () => {
  const queue = up();
  assert.deepEqual(round(queue, [{ ipa: BUFFERS, bytes: 100_000, write: true }]), [{ head: 0, bytes: 256 }]);
  for (let n = 0; n < 8; n++) queue.offer([{ ipa: BUFFERS, bytes: 4096, write: true }]);
  const { guest } = queue.driver;
  const pc = guest.pc;
  queue.kick();
  assert.equal(queue.take().length, 4);
  assert.equal(guest.pc, pc);
  queue.kick();
  assert.equal(queue.take().length, 4);
  assert.equal(guest.pc, pc + 4n);
});

test("without a seed of the board's a request waits", () => {
  const guest = start({ board: { seedBytes: 0 }, vm: { devices: { entropy: true } } });
  const [queue] = new Driver(guest).start({ queues: 1, base: RINGS });
  assert.deepEqual(round(queue!, [room]), []);
});

// --- interrupts and kicks

test("no interrupt where the driver wants none", () => {
  const queue = up();
  queue.flags = virtqueue.DRIVER_F_NO_INTERRUPT;
  round(queue, [room]);
  assert.equal(queue.driver.read(register.VIRTIO_INTERRUPT_STATUS), 0);
  queue.flags = 0;
  round(queue, [room]);
  assert.equal(queue.driver.read(register.VIRTIO_INTERRUPT_STATUS), status.INTERRUPT_USED);
});

test("with event indices an interrupt comes when the one that was asked for is used, and not before or behind", () => {
  const queue = up(F_VERSION_1 | F_EVENT_IDX);
  queue.usedEvent = 2;
  const seen = Array.from({ length: 5 }, () => {
    round(queue, [room]);
    const found = queue.driver.read(register.VIRTIO_INTERRUPT_STATUS);
    queue.driver.write(register.VIRTIO_INTERRUPT_ACK, found);
    return found;
  });
  assert.deepEqual(seen, [0, 0, 1, 0, 0]);
  // Several at once, of which one was asked for.
  queue.usedEvent = 6;
  queue.offer([room]);
  queue.offer([room]);
  queue.offer([room]);
  queue.kick();
  assert.equal(queue.driver.read(register.VIRTIO_INTERRUPT_STATUS), 1);
});

test("the next kick is asked for behind the last chain that was taken", () => {
  const queue = up(F_VERSION_1 | F_EVENT_IDX);
  for (let n = 1; n < 5; n++) {
    round(queue, [room]);
    assert.equal(queue.availableEvent, n);
  }
});

// --- what the driver may not do

test("features that were not offered, or the old interface, are refused", () => {
  const other = new Driver(at());
  assert.equal(other.negotiate(F_VERSION_1 | 1n), false);
  other.write(register.VIRTIO_STATUS, other.status | status.STATUS_DRIVER_OK);
  assert.equal(other.status & status.STATUS_DRIVER_OK, 0);
  other.reset();
  assert.equal(other.negotiate(F_INDIRECT_DESC), false);
  other.reset();
  assert.equal(other.negotiate(F_VERSION_1), true);
  // Later than that nothing of it changes.
  other.write(register.VIRTIO_DRIVER_FEATURES_SEL, 0);
  other.write(register.VIRTIO_DRIVER_FEATURES, 0xffff_ffff);
  assert.notEqual(other.status & status.STATUS_FEATURES_OK, 0);
});

test("a kick before DRIVER_OK does nothing", () => {
  const driver = new Driver(at());
  assert.ok(driver.negotiate(F_VERSION_1));
  const queue = new Queue(driver, 0, 8, RINGS);
  queue.open();
  assert.deepEqual(round(queue, [room]), []);
  driver.write(register.VIRTIO_STATUS, driver.status | status.STATUS_DRIVER_OK);
  queue.kick();
  assert.equal(queue.take().length, 1);
});

/** What a driver does wrong, and the device is broken by: nothing more is answered until it is reset. */
const wrong: Readonly<Record<string, (queue: Queue) => void>> = {
  "an index that jumps": (queue) => {
    queue.offered = 100;
    queue.push(0);
  },
  "an index that goes back": (queue) => {
    queue.offered = 0xfff0;
    queue.push(0);
  },
  "a chain that begins nowhere": (queue) => queue.push(8),
  "an empty buffer": (queue) => void queue.offer([{ ...room, bytes: 0 }]),
  "a buffer below RAM": (queue) => void queue.offer([{ ...room, ipa: machine.UART_BASE }]),
  "a buffer across the end of RAM": (queue) => void queue.offer([{ ...room, ipa: RAM_END - 63 }]),
  "a buffer that wraps": (queue) => void queue.offer([{ ...room, ipa: 2 ** 64 - 4096 }]),
  "a buffer to read behind one to write": (queue) => void queue.offer([room, { ipa: BUFFERS, bytes: 8 }]),
  "a loop": (queue) => {
    queue.describe(queue.descriptors, 0, room, virtqueue.DESC_F_WRITE | virtqueue.DESC_F_NEXT, 1);
    queue.describe(queue.descriptors, 1, room, virtqueue.DESC_F_WRITE | virtqueue.DESC_F_NEXT, 0);
    queue.push(0);
  },
  "a chain that leaves the table": (queue) => {
    queue.describe(queue.descriptors, 0, room, virtqueue.DESC_F_WRITE | virtqueue.DESC_F_NEXT, 8);
    queue.push(0);
  },
  "a table in a table": (queue) => {
    queue.describe(TABLE, 0, { ipa: TABLE, bytes: 16 }, virtqueue.DESC_F_INDIRECT, 0);
    queue.describe(queue.descriptors, 0, { ipa: TABLE, bytes: 16 }, virtqueue.DESC_F_INDIRECT, 0);
    queue.push(0);
  },
  "a table with a next one": (queue) => {
    queue.describe(queue.descriptors, 0, { ipa: TABLE, bytes: 16 }, virtqueue.DESC_F_INDIRECT | virtqueue.DESC_F_NEXT, 1);
    queue.push(0);
  },
  "a table of a descriptor and a half": (queue) => {
    queue.describe(queue.descriptors, 0, { ipa: TABLE, bytes: 24 }, virtqueue.DESC_F_INDIRECT, 0);
    queue.push(0);
  },
  "an empty table": (queue) => {
    queue.describe(queue.descriptors, 0, { ipa: TABLE, bytes: 0 }, virtqueue.DESC_F_INDIRECT, 0);
    queue.push(0);
  },
  "a table larger than the queue": (queue) => {
    queue.describe(queue.descriptors, 0, { ipa: TABLE, bytes: 144 }, virtqueue.DESC_F_INDIRECT, 0);
    queue.push(0);
  },
  "a table outside RAM": (queue) => {
    queue.describe(queue.descriptors, 0, { ipa: RAM_END - 16, bytes: 32 }, virtqueue.DESC_F_INDIRECT, 0);
    queue.push(0);
  },
};

for (const [name, does] of Object.entries(wrong)) {
  test(`${name}: the device is broken, says so, and works again behind a reset`, () => {
    const queue = up();
    queue.driver.openInterrupt();
    does(queue);
    queue.kick();
    assert.deepEqual(queue.take(), []);
    assert.ok(isBroken(queue));
    assert.equal(queue.driver.read(register.VIRTIO_INTERRUPT_STATUS), status.INTERRUPT_CONFIG);
    assert.equal(queue.driver.guest.acknowledge(), queue.driver.intid);
    queue.kick();
    assert.match(queue.driver.guest.machine.uart.output, /<4>.*vm0 virtio: virtio device 0: /);
    queue.driver.reset();
    assert.equal(queue.driver.status, 0);
    assert.equal(queue.driver.read(register.VIRTIO_INTERRUPT_STATUS), 0);
    queue.driver.memory.fill(queue.available, new Uint8Array(0x200));
    const [again] = queue.driver.start({ queues: 1, base: RINGS });
    assert.deepEqual(round(again!, [room]), [{ head: 0, bytes: 64 }]);
  });
}

test("a table without having taken that feature breaks the device", () => {
  const queue = up(F_VERSION_1);
  assert.deepEqual(round(queue, [room], TABLE), []);
  assert.ok(isBroken(queue));
});

/** Queues that are not opened; `n` is the size. */
const unopened: Readonly<Record<string, (driver: Driver) => Queue>> = {
  "no size": (driver) => new Queue(driver, 0, 0, RINGS),
  "a size that is no power of two": (driver) => new Queue(driver, 0, 12, RINGS),
  "more entries than there may be": (driver) => new Queue(driver, 0, 128, RINGS),
  "areas outside RAM": (driver) => new Queue(driver, 0, 8, machine.UART_BASE),
  "areas across the end of RAM": (driver) => new Queue(driver, 0, 8, RAM_END - 128),
  "areas at an odd address": (driver) => new Queue(driver, 0, 8, RINGS + 1),
  "areas near 2^64": (driver) => new Queue(driver, 0, 8, 2 ** 64 - 2048),
};
for (const [name, make] of Object.entries(unopened)) {
  test(`a queue of ${name} is not opened, and breaks the device`, () => {
    const driver = new Driver(at());
    assert.ok(driver.negotiate(F_VERSION_1));
    make(driver).open();
    assert.equal(driver.read(register.VIRTIO_QUEUE_READY), 0);
    assert.notEqual(driver.status & status.STATUS_NEEDS_RESET, 0);
  });
}

test("what a driver did wrong is logged when its device's lock has been let go of, be the line ever so slow", () => {
  const queue = up();
  const { machine: board } = queue.driver.guest;
  // A CPU that waits for the line holds no device's lock, or the run ends with a report.
  Object.assign(board.uart, { outputDepth: 4, looksPerByte: 2 });
  queue.push(queue.size);
  queue.kick();
  assert.ok(isBroken(queue));
  assert.match(board.uart.output, /<4>.* vm0 virtio: virtio device 0: chain 8 has a loop, or leaves its table/);
});

test("a queue that is not there has no entries, and cannot be opened", () => {
  const driver = new Driver(at());
  assert.ok(driver.negotiate(F_VERSION_1));
  for (const number of [1, 0xffff_ffff]) {
    new Queue(driver, number, 8, RINGS).open();
    assert.equal(driver.read(register.VIRTIO_QUEUE_NUM_MAX), 0);
    assert.equal(driver.read(register.VIRTIO_QUEUE_READY), 0);
  }
  assert.equal(driver.status & status.STATUS_NEEDS_RESET, 0);
});

test("where a queue in use lies cannot be changed", () => {
  const queue = up();
  const { driver } = queue;
  driver.write(register.VIRTIO_QUEUE_DESC_LOW, machine.UART_BASE);
  driver.write(register.VIRTIO_QUEUE_NUM, 64);
  assert.deepEqual(round(queue, [room]), [{ head: 0, bytes: 64 }]);
  driver.write(register.VIRTIO_QUEUE_READY, 0);
  assert.deepEqual(round(queue, [room]), []);
});

test("registers take words alone; features are selected by two words", () => {
  const driver = new Driver(at());
  for (const bytes of [1, 2] as const) {
    assert.equal(driver.read(register.VIRTIO_MAGIC_VALUE, bytes), 0);
    driver.write(register.VIRTIO_STATUS, 1, bytes);
  }
  assert.equal(driver.status, 0);
  driver.write(register.VIRTIO_DEVICE_FEATURES_SEL, 2);
  assert.equal(driver.read(register.VIRTIO_DEVICE_FEATURES), 0);
  driver.write(register.VIRTIO_DRIVER_FEATURES_SEL, 7);
  driver.write(register.VIRTIO_DRIVER_FEATURES, 0xffff_ffff);
  assert.ok(driver.negotiate(F_VERSION_1));
});

test("a VM that resets itself finds its devices as at power-on", () => {
  const queue = up();
  const { guest } = queue.driver;
  round(queue, [room]);
  guest.hvc(0x8400_0009n);
  const again = new Driver(guest.machine.cpu(0).guest!);
  assert.equal(again.status, 0);
  assert.equal(again.read(register.VIRTIO_INTERRUPT_STATUS), 0);
  assert.equal(again.read(register.VIRTIO_QUEUE_READY), 0);
  const [fresh] = again.start({ queues: 1, base: RINGS });
  assert.deepEqual(round(fresh!, [room]), [{ head: 0, bytes: 64 }]);
});
