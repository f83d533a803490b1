// The sanitizers where virtio devices act: EL2 touches what a driver has offered, and nothing else; its interrupts follow.

import { guest as guestMachine } from "../../../abi/guest.ts";
import { virtioFeatures } from "../../../abi/virtio.ts";
import type { MachineOptions } from "../../../sim/machine.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { frameOf, NetPort } from "../../unit/core/net-port.ts";
import { Driver } from "../../unit/core/virtio-driver.ts";
import { type Bug, testBugs } from "./bugs.ts";

const QUEUE = "src/devices/virtio/queue.ts";
const CHAIN = "src/devices/virtio/chain.ts";
const RINGS = RAM_BASE + 0x40_0000;
const DATA = RAM_BASE + 0x50_0000;
const { F_VERSION_1 } = virtioFeatures;

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

const bugs: Bug[] = [
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
