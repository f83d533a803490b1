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

/** Registers of device `slot`. */
export function at(slot: u32): u64 {
  return (VIRTIO_BASE as u64) + (slot as u64) * VIRTIO_STRIDE;
}

export function status(base: u64): u32 {
  return access.read32(base + VIRTIO_STATUS);
}

/** What a device offers. */
export function offered(base: u64): u64 {
  access.write32(base + VIRTIO_DEVICE_FEATURES_SEL, 1);
  const high = (access.read32(base + VIRTIO_DEVICE_FEATURES) as u64) << 32;
  access.write32(base + VIRTIO_DEVICE_FEATURES_SEL, 0);
  return high | access.read32(base + VIRTIO_DEVICE_FEATURES);
}

/** Resets a device and takes these features; false: it does not agree. */
export function negotiate(base: u64, features: u64): bool {
  access.write32(base + VIRTIO_STATUS, 0);
  access.write32(base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  for (let sel: u32 = 0; sel < 2; sel++) {
    access.write32(base + VIRTIO_DRIVER_FEATURES_SEL, sel);
    access.write32(base + VIRTIO_DRIVER_FEATURES, (features >> (sel << 5)) as u32);
  }
  access.write32(base + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
  return (status(base) & STATUS_FEATURES_OK) != 0;
}

/** Resets device `slot` and takes of its features those of `wanted`. Returns its registers; 0: it does not agree. */
export function begin(slot: u32, wanted: u64): u64 {
  const base = at(slot);
  return negotiate(base, offered(base) & (wanted | F_VERSION_1)) ? base : 0;
}

/** Tells a device where the areas of a queue of `size` entries lie, wherever that is; false: it does not use them. */
export function place(queue: Queue, descriptors: u64, driver: u64, device: u64): bool {
  const base = queue.base;
  queue.descriptors = descriptors;
  queue.driver = driver;
  queue.device = device;
  queue.offered = 0;
  queue.seen = 0;
  access.write32(base + VIRTIO_QUEUE_SEL, queue.index);
  access.write32(base + VIRTIO_QUEUE_NUM, queue.size);
  access.write32(base + VIRTIO_QUEUE_DESC_LOW, descriptors as u32);
  access.write32(base + VIRTIO_QUEUE_DESC_HIGH, (descriptors >> 32) as u32);
  access.write32(base + VIRTIO_QUEUE_DRIVER_LOW, driver as u32);
  access.write32(base + VIRTIO_QUEUE_DRIVER_HIGH, (driver >> 32) as u32);
  access.write32(base + VIRTIO_QUEUE_DEVICE_LOW, device as u32);
  access.write32(base + VIRTIO_QUEUE_DEVICE_HIGH, (device >> 32) as u32);
  access.write32(base + VIRTIO_QUEUE_READY, 1);
  return access.read32(base + VIRTIO_QUEUE_READY) != 0;
}

/** Which queue of which device, and how many entries, a power of two, it is to have. */
export function choose(queue: Queue, base: u64, index: u32, size: u32): void {
  queue.base = base;
  queue.index = index;
  queue.size = size;
}

/** Opens a queue whose areas lie from `memory`, a page, on. */
export function open(queue: Queue, base: u64, index: u32, size: u32, memory: u64): void {
  for (let n: u64 = 0; n < 0x4000; n += 8) access.write64(memory + n, 0);
  choose(queue, base, index, size);
  place(queue, memory, memory + (size as u64) * DESC_BYTES, memory + 0x2000);
}

export function start(base: u64): void {
  access.write32(base + VIRTIO_STATUS, status(base) | STATUS_DRIVER_OK);
}

/** Descriptor `n` of a table. */
export function write(table: u64, n: u32, address: u64, bytes: u32, flags: u32, next: u32): void {
  const descriptor = table + (n as u64) * DESC_BYTES;
  access.write64(descriptor, address);
  access.write64(descriptor + 8, (bytes as u64) | ((flags as u64) << 32) | ((next as u64) << 48));
}

/** Descriptor `n` of a queue; with DESC_F_NEXT the one behind it follows. */
export function describe(queue: Queue, n: u32, address: u64, bytes: u32, flags: u32): void {
  write(queue.descriptors, n, address, bytes, flags, (flags & DESC_F_NEXT) != 0 ? n + 1 : 0);
}

/** Offers the chain that begins at a descriptor. */
export function offer(queue: Queue, head: u32): void {
  access.write16(queue.driver + 4 + (((queue.offered & (queue.size - 1)) as u64) << 1), head);
  queue.offered = (queue.offered + 1) & 0xffff;
  cpu.dsb();
  access.write16(queue.driver + 2, queue.offered);
  cpu.dsb();
}

export function kick(queue: Queue): void {
  access.write32(queue.base + VIRTIO_QUEUE_NOTIFY, queue.index);
}

/** Offers a chain, and kicks. */
export function submit(queue: Queue, head: u32): void {
  offer(queue, head);
  kick(queue);
}

/** Whether a chain that was offered has come back; each is seen once. */
export function isDone(queue: Queue): bool {
  if (access.read16(queue.device + 2) == queue.seen) return false;
  queue.seen = (queue.seen + 1) & 0xffff;
  cpu.dsb();
  return true;
}
