// Virtio devices on CPUs that are in each other's midst (the machine's second mode): drivers that send, reset and break their devices while others deliver into
// their queues. Nothing that CPUs share is touched without order, no lock is taken out of order, nobody waits for ever.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as guestMachine } from "../../abi/guest.ts";
import { virtioNet as net, virtioMmio as register, virtioFeatures } from "../../abi/virtio.ts";
import { Violation } from "../../sim/faults.ts";
import { fieldOffset } from "../../sim/fields.ts";
import type { Guest } from "../../sim/guest.ts";
import type { Random } from "../../sim/random.ts";
import { RAM_BASE } from "../../sim/start.ts";
import { type Change, plantedBytes } from "./planted.ts";
import { secondMode } from "./second-mode.ts";

const VMS = 3;
const SIZE = 16;
const RINGS = RAM_BASE + 0x40_0000;
const DATA = RAM_BASE + 0x50_0000;
/** Descriptors, driver's area and device's area of queue `n`. */
const areas = (n: number): readonly number[] => [0, 0x1000, 0x2000].map((at) => RINGS + 0x4000 * n + at);
const FEATURES = virtioFeatures.F_VERSION_1 | net.NET_F_MAC | net.NET_F_MRG_RXBUF;

/** What brings a device up: registers and values. */
const setUp: readonly (readonly [number, number])[] = [
  [register.VIRTIO_STATUS, 0],
  [register.VIRTIO_STATUS, 3],
  ...[0, 1].flatMap((sel) => [
    [register.VIRTIO_DRIVER_FEATURES_SEL, sel] as const,
    [register.VIRTIO_DRIVER_FEATURES, Number((FEATURES >> BigInt(32 * sel)) & 0xffff_ffffn)] as const,
  ]),
  [register.VIRTIO_STATUS, 11],
  ...[0, 1].flatMap((n) => [
    [register.VIRTIO_QUEUE_SEL, n] as const,
    [register.VIRTIO_QUEUE_NUM, SIZE] as const,
    [register.VIRTIO_QUEUE_DESC_LOW, areas(n)[0]!] as const,
    [register.VIRTIO_QUEUE_DRIVER_LOW, areas(n)[1]!] as const,
    [register.VIRTIO_QUEUE_DEVICE_LOW, areas(n)[2]!] as const,
    [register.VIRTIO_QUEUE_READY, 1] as const,
  ]),
  [register.VIRTIO_STATUS, 15],
];

class Script {
  #step = 0;
  #offered = [0, 0];

  #write(guest: Guest, ipa: number, bytes: number, value: number | bigint): void {
    const found = guest.translate(ipa);
    if (!("fault" in found)) guest.machine.ram.write(found.output + (ipa - found.input), bytes, BigInt(value));
  }

  /** One more chain in a queue: a buffer to fill, or a frame to all. */
  #offer(guest: Guest, queue: number): void {
    const [descriptors, driver] = areas(queue);
    const slot = this.#offered[queue]! % SIZE;
    const buffer = DATA + 0x1_0000 * queue + 0x800 * slot;
    const isSent = queue === net.NET_TRANSMIT;
    if (isSent) {
      for (const at of [0, 8]) this.#write(guest, buffer + at, 8, 0);
      // To everybody, from an address of its own making.
      this.#write(guest, buffer + net.NET_HEADER, 8, 0x0202_ffff_ffff_ffffn);
    }
    this.#write(guest, descriptors! + 16 * slot, 8, buffer);
    this.#write(guest, descriptors! + 16 * slot + 8, 8, (isSent ? 0n : 2n << 32n) | 200n);
    this.#write(guest, driver! + 4 + 2 * slot, 2, slot);
    this.#offered[queue]!++;
    this.#write(guest, driver! + 2, 2, this.#offered[queue]! % 2 ** 16);
  }

  act(guest: Guest, random: Random): void {
    const store = (offset: number, value: number): void =>
      guest.store(guestMachine.VIRTIO_BASE + offset, BigInt(value), { bytes: 4, rt: 5 });
    if (this.#step < setUp.length) {
      if (this.#step === 0) {
        this.#offered = [0, 0];
        for (const n of [0, 1])
          for (const at of areas(n).slice(1)) for (let word = 0; word < 64; word += 8) this.#write(guest, at + word, 8, 0);
      }
      store(...setUp[this.#step++]!);
      return;
    }
    switch (random(24)) {
      case 0:
        // From the start, or a reset of the VM.
        this.#step = 0;
        if (random(40) === 0) guest.hvc(0x8400_0009n);
        else store(register.VIRTIO_STATUS, 0);
        break;
      case 1:
        // An index that jumps breaks the device, for whoever looks.
        if (random(3) === 0) this.#write(guest, areas(random(2))[1]! + 2, 2, random(2 ** 16));
        store(register.VIRTIO_QUEUE_NOTIFY, random(2));
        break;
      case 2:
        guest.load(guestMachine.VIRTIO_BASE + register.VIRTIO_STATUS, { bytes: 4, rt: 4 });
        break;
      case 3:
        store(register.VIRTIO_INTERRUPT_ACK, 3);
        break;
      case 4:
      case 5:
        this.#offer(guest, net.NET_RECEIVE);
        store(register.VIRTIO_QUEUE_NOTIFY, net.NET_RECEIVE);
        break;
      default:
        this.#offer(guest, net.NET_TRANSMIT);
        store(register.VIRTIO_QUEUE_NOTIFY, net.NET_TRANSMIT);
    }
  }
}

/** How many frames were delivered to a VM, by the record of its port; `vcpu`: that of one of its vCPUs. */
const receivedBy = (view: DataView, vcpu: number): number => {
  const word = (record: number, type: string, field: string): number => view.getUint32(record + fieldOffset(type, field), true);
  const device = word(word(vcpu, "Vcpu", "vm"), "Vm", "firstVirtio");
  const port = word(device, "VirtioDevice", "own");
  return Number(view.getBigUint64(port + fieldOffset("Port", "receivedPackets"), true));
};

/** Runs VMs on one switch; returns how many frames were delivered. */
const live = async (seed: number, exits: number, core?: Uint8Array): Promise<number> => {
  const scripts = Array.from({ length: VMS }, () => new Script());
  const vcpus = new Set<number>();
  const { machine, run } = secondMode({
    seed,
    cpus: VMS,
    ...(core && { core }),
    instruments: { accesses: true },
    switches: [{ name: "lan" }],
    vms: scripts.map((_, n) => ({ name: `vm${n}`, affinity: [n], nets: [{ switch: "lan" }] })),
    act: (guest, { vm, random }) => {
      vcpus.add(guest.vcpu);
      scripts[vm]!.act(guest, random);
    },
  });
  await run(exits);
  return [...vcpus].reduce((sum, vcpu) => sum + receivedBy(machine.view, vcpu), 0);
};

test("drivers that send to each other, reset and break their devices, inside exits: no races", async () => {
  let frames = 0;
  for (const seed of [1, 2]) frames += await live(seed, 4000);
  assert.ok(frames > 30, `${frames} frames arrived`);
});

/** What is reported of a core with a change; "nothing" if that is nothing. */
const reported = async (name: string, change: Change): Promise<string> => {
  const core = await plantedBytes(name, [change]);
  for (const seed of [1, 2, 3]) {
    try {
      await live(seed, 3000, core);
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown;
      return thrown.message;
    }
  }
  return "nothing";
};

test("planted: a status that is read without the device's lock", async () => {
  const find = "  locks.acquire(device.lock);\n  const value = readLocked(device, offset);\n  locks.release(device.lock);\n";
  const change = { file: "src/devices/virtio/transport.ts", find, replace: "  const value = readLocked(device, offset);\n" };
  assert.match(await reported("virtio-race-status", change), /race on .* src\/devices\/virtio\//);
});

test("planted: a device that is reset without its lock", async () => {
  const find = "  locks.acquire(device.lock);\n  device.status = 0;";
  const change = { file: "src/devices/virtio/transport.ts", find, replace: "  locks.draw(device.lock);\n  device.status = 0;" };
  assert.notEqual(await reported("virtio-race-reset", change), "nothing");
});
