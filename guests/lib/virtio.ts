// A guest's driver of a virtio device behind virtio-mmio (virtio 1.2, 4.2) with split virtqueues (2.7). Rings and buffers are in the guest's RAM, which the
// caller names; one request is under way at a time.

import {
  DESC_BYTES,
  DESC_F_NEXT,
  F_VERSION_1,
  STATUS_ACKNOWLEDGE,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FEATURES_OK,
  VIRTIO_DEVICE_FEATURES,
  VIRTIO_DEVICE_FEATURES_SEL,
  VIRTIO_DRIVER_FEATURES,
  VIRTIO_DRIVER_FEATURES_SEL,
  VIRTIO_QUEUE_DESC_HIGH,
  VIRTIO_QUEUE_DESC_LOW,
  VIRTIO_QUEUE_DEVICE_HIGH,
  VIRTIO_QUEUE_DEVICE_LOW,
  VIRTIO_QUEUE_DRIVER_HIGH,
  VIRTIO_QUEUE_DRIVER_LOW,
  VIRTIO_QUEUE_NOTIFY,
  VIRTIO_QUEUE_NUM,
  VIRTIO_QUEUE_READY,
  VIRTIO_QUEUE_SEL,
  VIRTIO_STATUS,
} from "../../build/gen/virtio";
import { VIRTIO_BASE, VIRTIO_STRIDE } from "../../build/gen/guest";
import * as access from "./hal/access";
import * as cpu from "./hal/cpu";

@unmanaged
export class Queue {
  /** Registers of its device. */
  base: u64;
  index: u32;
  size: u32;
  descriptors: u64;
  driver: u64;
  device: u64;
  offered: u32;
  seen: u32;
}

/** Resets device `slot` and takes of its features those of `wanted`. Returns its registers; 0: it does not agree. */
export function begin(slot: u32, wanted: u64): u64 {
  const base: u64 = (VIRTIO_BASE as u64) + (slot as u64) * VIRTIO_STRIDE;
  access.write32(base + VIRTIO_STATUS, 0);
  access.write32(base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  for (let sel: u32 = 0; sel < 2; sel++) {
    access.write32(base + VIRTIO_DEVICE_FEATURES_SEL, sel);
    access.write32(base + VIRTIO_DRIVER_FEATURES_SEL, sel);
    const taken = access.read32(base + VIRTIO_DEVICE_FEATURES) & (((wanted | F_VERSION_1) >> (sel << 5)) as u32);
    access.write32(base + VIRTIO_DRIVER_FEATURES, taken);
  }
  access.write32(base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
  return (access.read32(base + VIRTIO_STATUS) & STATUS_FEATURES_OK) != 0 ? base : 0;
}

/** Opens a queue of `size` entries, a power of two, whose areas lie from `at`, a page, on. */
export function open(queue: Queue, base: u64, index: u32, size: u32, at: u64): void {
  queue.base = base;
  queue.index = index;
  queue.size = size;
  queue.descriptors = at;
  queue.driver = at + (size as u64) * DESC_BYTES;
  queue.device = at + 0x2000;
  queue.offered = 0;
  queue.seen = 0;
  for (let n: u64 = 0; n < 0x4000; n += 8) access.write64(at + n, 0);
  access.write32(base + VIRTIO_QUEUE_SEL, index);
  access.write32(base + VIRTIO_QUEUE_NUM, size);
  access.write32(base + VIRTIO_QUEUE_DESC_LOW, queue.descriptors as u32);
  access.write32(base + VIRTIO_QUEUE_DESC_HIGH, (queue.descriptors >> 32) as u32);
  access.write32(base + VIRTIO_QUEUE_DRIVER_LOW, queue.driver as u32);
  access.write32(base + VIRTIO_QUEUE_DRIVER_HIGH, (queue.driver >> 32) as u32);
  access.write32(base + VIRTIO_QUEUE_DEVICE_LOW, queue.device as u32);
  access.write32(base + VIRTIO_QUEUE_DEVICE_HIGH, (queue.device >> 32) as u32);
  access.write32(base + VIRTIO_QUEUE_READY, 1);
}

export function start(base: u64): void {
  access.write32(base + VIRTIO_STATUS, access.read32(base + VIRTIO_STATUS) | STATUS_DRIVER_OK);
}

/** Descriptor `n`; with DESC_F_NEXT the one behind it follows. */
export function describe(queue: Queue, n: u32, address: u64, bytes: u32, flags: u32): void {
  const at = queue.descriptors + (n as u64) * DESC_BYTES;
  const next: u64 = (flags & DESC_F_NEXT) != 0 ? ((n + 1) as u64) << 48 : 0;
  access.write64(at, address);
  access.write64(at + 8, (bytes as u64) | ((flags as u64) << 32) | next);
}

/** Offers the chain that begins at a descriptor, and kicks. */
export function submit(queue: Queue, head: u32): void {
  access.write16(queue.driver + 4 + (((queue.offered & (queue.size - 1)) as u64) << 1), head);
  queue.offered = (queue.offered + 1) & 0xffff;
  cpu.dsb();
  access.write16(queue.driver + 2, queue.offered);
  cpu.dsb();
  access.write32(queue.base + VIRTIO_QUEUE_NOTIFY, queue.index);
}

/** Whether a chain that was offered has come back; each is seen once. */
export function isDone(queue: Queue): bool {
  if (access.read16(queue.device + 2) == queue.seen) return false;
  queue.seen = (queue.seen + 1) & 0xffff;
  cpu.dsb();
  return true;
}
