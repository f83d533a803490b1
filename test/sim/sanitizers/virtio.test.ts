// The sanitizers where virtio devices act: EL2 touches what a driver has offered, and nothing else; its interrupts follow.

import { guest as guestMachine } from "../../../abi/guest.ts";
import { virtioDevices, virtioFeatures, virtqueue } from "../../../abi/virtio.ts";
import { bundleOfSystem } from "../../../sim/bundles.ts";
import type { MachineOptions } from "../../../sim/machine.ts";
import { FDT_AT, load, RAM_BASE, startSystem } from "../../../sim/start.ts";
import { frameOf, NetPort } from "../../unit/core/net-port.ts";
import { Driver, type Queue } from "../../unit/core/virtio-driver.ts";
import { type Bug, testBugs } from "./bugs.ts";

const BLOCK = "src/devices/virtio/block.ts";
const QUEUE = "src/devices/virtio/queue.ts";
const CHAIN = "src/devices/virtio/chain.ts";
const RINGS = RAM_BASE + 0x40_0000;
const DATA = RAM_BASE + 0x50_0000;
const { F_VERSION_1 } = virtioFeatures;
const { DESC_F_WRITE } = virtqueue;

const entropyOf = (options: MachineOptions): Driver => {
  const machine = startSystem({ vms: [{ devices: { entropy: true } }], machine: options });
  return new Driver(machine.cpu(0).guest!);
};

/** Random bytes into two buffers of one chain. */
const filled = (options: MachineOptions): void => {
  const [queue] = entropyOf(options).start({ queues: 1, base: RINGS, features: F_VERSION_1 });
  for (let n = 0; n < 3; n++) {
    queue!.offer([
      { ipa: DATA, bytes: 20, write: true },
      { ipa: DATA + 0x1000, bytes: 20, write: true },
    ]);
    queue!.kick();
  }
};

/** A chain that the device may read alone. */
const readable = (options: MachineOptions): void => {
  const [queue] = entropyOf(options).start({ queues: 1, base: RINGS, features: F_VERSION_1 });
  queue!.offer([{ ipa: DATA, bytes: 64 }]);
  queue!.kick();
};

/** A buffer behind the end of RAM, where another VM's may be. */
const outside = (options: MachineOptions): void => {
  const machine = startSystem({
    cpus: 2,
    vms: [{ devices: { entropy: true } }, {}],
    machine: options,
  });
  const [queue] = new Driver(machine.running(0)!).start({ queues: 1, base: RINGS, features: F_VERSION_1 });
  queue!.offer([{ ipa: RAM_BASE + 0x100_0000, bytes: 64, write: true }]);
  queue!.kick();
};

/** The driver waits for interrupts. */
const interrupted = (options: MachineOptions): void => {
  const driver = entropyOf(options);
  const [queue] = driver.start({ queues: 1, base: RINGS, features: F_VERSION_1 });
  driver.openInterrupt();
  for (let n = 0; n < 3; n++) {
    queue!.offer([{ ipa: DATA, bytes: 24, write: true }]);
    queue!.kick();
    if (driver.guest.acknowledge() !== driver.intid) return;
    driver.write(0x64, driver.read(0x60));
    driver.guest.end(driver.intid);
  }
  driver.guest.load(guestMachine.GICD_BASE);
};

/** A frame from one VM to another, whose driver has offered small buffers. */
const carried = (options: MachineOptions): void => {
  const vms = [{ nets: [{ switch: "lan" }] }, { nets: [{ switch: "lan" }] }];
  const machine = startSystem({ cpus: 2, switches: [{ name: "lan" }], vms, machine: options });
  const [one, two] = [new NetPort(machine.running(0)!), new NetPort(machine.running(1)!, { bytes: 300 })];
  two.listen(8);
  one.send(frameOf(two.mac, one.mac, Buffer.alloc(1000, 1)));
};

/** A read of a slice of the board's disk, and what happens before the disk has done it. */
const whileAsked = (options: MachineOptions, happens: (queue: Queue) => void): void => {
  const config = Buffer.alloc(64);
  config.writeBigUInt64LE(64n);
  const machine = load({
    machine: { ...options, virtio: [{ type: virtioDevices.VIRTIO_BLOCK, config }] },
    bundle: bundleOfSystem({ disks: [{ name: "slice", board: { serial: "DISK" } }], vms: [{ disks: [{ disk: "slice" }] }] }),
  });
  const [disk] = machine.virtio;
  const answer = (): void => {
    for (let chain = disk!.take(0); chain !== undefined; chain = disk!.take(0)) {
      const bytes = chain.writable.reduce((sum, one) => sum + one.bytes, 0);
      disk!.give(0, chain, Buffer.concat([Buffer.from("DISK"), Buffer.alloc(bytes)]).subarray(0, bytes));
    }
  };
  // It says its name at once.
  disk!.onKick = answer;
  machine.run.boot(BigInt(FDT_AT), 0n);
  machine.run.settle();
  disk!.onKick = () => undefined;
  const [queue] = new Driver(machine.cpu(0).guest!).start({ queues: 1, base: RINGS, features: F_VERSION_1 });
  queue!.offer([
    { ipa: DATA, bytes: 16 },
    { ipa: DATA + 0x1000, bytes: 512, write: true },
    { ipa: DATA + 0x2000, bytes: 1, write: true },
  ]);
  queue!.kick();
  happens(queue!);
  answer();
  machine.run.settle();
};
const cutOff = (options: MachineOptions): void => whileAsked(options, ({ driver }) => driver.reset());
/** The driver writes another place into the descriptor, which the device has read already. */
const rewritten = (options: MachineOptions): void =>
  whileAsked(options, (queue) => queue.describe(queue.descriptors, 1, { ipa: DATA + 0x8000, bytes: 512 }, DESC_F_WRITE, 2));

const bugs: Bug[] = [
  {
    what: "a disk goes on with what a reset has cut off",
    changes: [{ file: BLOCK, find: "if (own.slot != 0) boardBlock.setOwner(own.disk.board, own.slot - 1, 0);", replace: "" }],
    run: cutOff,
    report: /EL2 writes to 0x\w+ of VM 0, while that is on CPU 0/,
  },
  {
    what: "a descriptor is read once more when its buffer is written",
    changes: [
      {
        file: BLOCK,
        find: 'import * as locks from "../../lib/lock";',
        replace:
          'import { Pa } from "../../hal/addr";\nimport * as phys from "../../hal/phys";\nimport * as locks from "../../lib/lock";',
      },
      {
        file: BLOCK,
        find: "    const to = chains.writable(own.chain, 0);\n    chains.skip(to, own.done);",
        replace:
          "    store<u64>(own.chain.firstBuffer + 16, phys.read64((queue.descriptorsAt + 16) as Pa));\n    const to = chains.writable(own.chain, 0);\n    chains.skip(to, own.done);",
      },
    ],
    run: rewritten,
    report: /EL2 writes to 0x\w+ of VM 0, while that is on CPU 0/,
  },
  {
    what: "a buffer may lie anywhere",
    changes: [{ file: QUEUE, find: "if (bytes == 0 || !ram.holds(chain.vm, ipa as Ipa, bytes)) return false;", replace: "" }],
    run: outside,
    report: /EL2 writes 0x\w+ bytes at 0x\w+, not all of which some VM has|EL2 writes to 0x\w+ of VM 1/,
  },
  {
    what: "a device writes to what it may read",
    changes: [
      {
        file: CHAIN,
        find: "return cursor(n, chain, chain.readable, chain.buffers);",
        replace: "return cursor(n, chain, 0, chain.buffers);",
      },
      {
        file: "src/devices/virtio/entropy.ts",
        find: "min<u64>(chain.writableBytes, REQUEST_MAX)",
        replace: "max<u64>(chain.writableBytes, 8)",
      },
    ],
    run: readable,
    report: /EL2 writes to 0x\w+ of VM 0, while that is on CPU 0/,
  },
  {
    what: "the second buffer of a chain is taken for longer than it is",
    changes: [{ file: CHAIN, find: "at.left = buffer.bytes;", replace: "at.left = buffer.bytes + 8;" }],
    run: filled,
    report: /EL2 writes to 0x\w+ of VM 0, while that is on CPU 0/,
  },
  {
    what: "what comes back is written behind the ring",
    changes: [
      {
        file: QUEUE,
        find: "const entry = queue.used & (queue.size - 1);",
        replace: "const entry = queue.size + (queue.used & (queue.size - 1));",
      },
    ],
    run: filled,
    report: /EL2 writes to 0x\w+ of VM 0, while that is on CPU 0/,
  },
  {
    what: "a packet is written on beyond its buffers",
    changes: [
      {
        file: "src/devices/virtio/delivery.ts",
        find: "first.writableBytes > NET_HEADER ? first.writableBytes - NET_HEADER : 0",
        replace: "first.writableBytes",
      },
      { file: CHAIN, find: "at.left = buffer.bytes;", replace: "at.left = buffer.bytes + 64;" },
    ],
    run: carried,
    report: /EL2 writes to 0x\w+ of VM 1, while that is on CPU 1/,
  },
  {
    what: "a line stays high when its interrupt was taken back",
    changes: [
      {
        file: "src/devices/virtio/signal.ts",
        find: "vgic.setSharedLine(device.vm, FIRST_SPI + VIRTIO_SPI + device.slot, high);",
        replace: "if (high) vgic.setSharedLine(device.vm, FIRST_SPI + VIRTIO_SPI + device.slot, high);",
      },
    ],
    run: interrupted,
    report: /INTID 48 of the vCPU at 0x\w+, VMID 1, on CPU 0, is offered, and is not pending/,
  },
  {
    what: "nobody is interrupted",
    changes: [
      {
        file: "src/devices/virtio/signal.ts",
        find: "vgic.setSharedLine(device.vm, FIRST_SPI + VIRTIO_SPI + device.slot, high);",
        replace: "",
      },
    ],
    run: interrupted,
    report: /INTID 48/,
  },
];
testBugs("virtio", bugs);
