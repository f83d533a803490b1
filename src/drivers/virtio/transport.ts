// The board's virtio devices behind virtio-mmio (virtio 1.2, 4.2), modern and legacy, and split virtqueues (2.7) from the driver's side. One CPU at a time uses
// a device. What a device writes is not trusted further than its own buffers: heads are bounded, lengths are for the callers to bound.

import {
  DESC_BYTES,
  DEVICE_F_NO_NOTIFY,
  DRIVER_F_NO_INTERRUPT,
  F_VERSION_1,
  STATUS_ACKNOWLEDGE,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FEATURES_OK,
  VIRTIO_DEVICE_FEATURES,
  VIRTIO_DEVICE_FEATURES_SEL,
  VIRTIO_DEVICE_ID,
  VIRTIO_DRIVER_FEATURES,
  VIRTIO_DRIVER_FEATURES_SEL,
  VIRTIO_GUEST_PAGE_SIZE,
  VIRTIO_INTERRUPT_ACK,
  VIRTIO_INTERRUPT_STATUS,
  VIRTIO_LEGACY,
  VIRTIO_MAGIC,
  VIRTIO_MAGIC_VALUE,
  VIRTIO_MODERN,
  VIRTIO_QUEUE_ALIGN,
  VIRTIO_QUEUE_DESC_LOW,
  VIRTIO_QUEUE_DEVICE_LOW,
  VIRTIO_QUEUE_DRIVER_LOW,
  VIRTIO_QUEUE_NOTIFY,
  VIRTIO_QUEUE_NUM,
  VIRTIO_QUEUE_NUM_MAX,
  VIRTIO_QUEUE_PFN,
  VIRTIO_QUEUE_READY,
  VIRTIO_QUEUE_SEL,
  VIRTIO_STATUS,
  VIRTIO_VERSION,
} from "../../../build/gen/virtio";
import { Pa } from "../../hal/addr";
import * as barrier from "../../hal/barrier";
import * as mmio from "../../hal/mmio";
import * as phys from "../../hal/phys";
import * as arena from "../../lib/arena";
import * as dma from "./dma";

const PAGE: u64 = 4096;
const PAGE_SHIFT: u32 = 12;
const INDEX: u32 = 0xffff;
/** Nothing was used. */
export const NOTHING: u64 = 0xffffffffffffffff;

@unmanaged
export class BoardDevice {
  base: u64;
  /** One of virtioDevices. */
  type: u32;
  intid: u32;
  legacy: u32;
  /** The features that both sides have. */
  taken: u64;
}

@unmanaged
export class BoardQueue {
  device: BoardDevice;
  index: u32;
  size: u32;
  /** Chains offered, and chains seen to be used, modulo 2^16. */
  offered: u32;
  seen: u32;
  reserved: u32;
  /** Physical addresses of the three areas. */
  descriptors: u64;
  driver: u64;
  deviceArea: u64;
}

function read(device: BoardDevice, offset: u32): u32 {
  return mmio.read32((device.base + offset) as Pa);
}
function write(device: BoardDevice, offset: u32, value: u32): void {
  mmio.write32((device.base + offset) as Pa, value);
}

/** Looks what is behind a transport; false: nothing that we know how to talk to. */
export function probe(device: BoardDevice, base: u64, intid: u32): bool {
  device.base = base;
  device.intid = intid;
  if (read(device, VIRTIO_MAGIC_VALUE) != VIRTIO_MAGIC) return false;
  const version = read(device, VIRTIO_VERSION);
  device.legacy = u32(version == VIRTIO_LEGACY);
  device.type = read(device, VIRTIO_DEVICE_ID);
  return device.type != 0 && (version == VIRTIO_LEGACY || version == VIRTIO_MODERN);
}

/** Resets a device and takes those features of `wanted` that it has (3.1.1). False: it does not agree. */
export function begin(device: BoardDevice, wanted: u64): bool {
  write(device, VIRTIO_STATUS, 0);
  // The reset is over when the status reads 0 (4.2.2.2).
  if (read(device, VIRTIO_STATUS) != 0) return false;
  write(device, VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
  const modern = device.legacy == 0;
  const words: u32 = modern ? 2 : 1;
  device.taken = 0;
  for (let sel: u32 = 0; sel < words; sel++) {
    write(device, VIRTIO_DEVICE_FEATURES_SEL, sel);
    write(device, VIRTIO_DRIVER_FEATURES_SEL, sel);
    const taken = read(device, VIRTIO_DEVICE_FEATURES) & (((wanted | F_VERSION_1) >> (sel << 5)) as u32);
    write(device, VIRTIO_DRIVER_FEATURES, taken);
    device.taken |= (taken as u64) << (sel << 5);
  }
  if (!modern) {
    write(device, VIRTIO_GUEST_PAGE_SIZE, PAGE as u32);
    return true;
  }
  write(device, VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
  return (read(device, VIRTIO_STATUS) & STATUS_FEATURES_OK) != 0;
}

function writeAddress(device: BoardDevice, offset: u32, pa: u64): void {
  write(device, offset, pa as u32);
  write(device, offset + 4, (pa >> 32) as u32);
}

/** Gives a device a queue of `size` entries, a power of two; null if it has none, or not so many. */
export function makeQueue(device: BoardDevice, index: u32, size: u32): BoardQueue {
  write(device, VIRTIO_QUEUE_SEL, index);
  if (read(device, VIRTIO_QUEUE_NUM_MAX) < size) return changetype<BoardQueue>(0);
  const queue = changetype<BoardQueue>(arena.take(offsetof<BoardQueue>(), 8));
  queue.device = device;
  queue.index = index;
  queue.size = size;
  // As the legacy interface has them in one piece (2.7.2): the device's area at the next page.
  const first = (size as u64) * DESC_BYTES + 6 + ((size as u64) << 1);
  const second = (first + PAGE - 1) & ~(PAGE - 1);
  const at = dma.take(second + 6 + ((size as u64) << 3), PAGE) as u64;
  queue.descriptors = at;
  queue.driver = at + (size as u64) * DESC_BYTES;
  queue.deviceArea = at + second;
  write(device, VIRTIO_QUEUE_NUM, size);
  if (device.legacy != 0) {
    write(device, VIRTIO_QUEUE_ALIGN, PAGE as u32);
    write(device, VIRTIO_QUEUE_PFN, (at >> PAGE_SHIFT) as u32);
  } else {
    writeAddress(device, VIRTIO_QUEUE_DESC_LOW, queue.descriptors);
    writeAddress(device, VIRTIO_QUEUE_DRIVER_LOW, queue.driver);
    writeAddress(device, VIRTIO_QUEUE_DEVICE_LOW, queue.deviceArea);
    write(device, VIRTIO_QUEUE_READY, 1);
  }
  return queue;
}

/** The device need not interrupt for what it uses. */
export function quieten(queue: BoardQueue): void {
  phys.store16(queue.driver as Pa, DRIVER_F_NO_INTERRUPT);
}

/** The device may use its queues from now on. */
export function start(device: BoardDevice): void {
  write(device, VIRTIO_STATUS, read(device, VIRTIO_STATUS) | STATUS_DRIVER_OK);
}

/** Writes descriptor `n`: `flags` as in virtqueue, `next` with DESC_F_NEXT. */
export function describe(queue: BoardQueue, n: u32, pa: u64, bytes: u32, flags: u32, next: u32): void {
  const at = queue.descriptors + n * DESC_BYTES;
  phys.write64(at as Pa, pa);
  phys.write64((at + 8) as Pa, (bytes as u64) | ((flags as u64) << 32) | ((next as u64) << 48));
}

/** Offers the chain that begins at a descriptor. */
export function offer(queue: BoardQueue, head: u32): void {
  phys.store16((queue.driver + 4 + ((queue.offered & (queue.size - 1)) << 1)) as Pa, head);
  queue.offered = (queue.offered + 1) & INDEX;
  phys.store16((queue.driver + 2) as Pa, queue.offered);
}

/** Tells the device that something was offered, unless it asked not to be told (2.7.10.1). It sees by then what was written before. */
export function kick(queue: BoardQueue): void {
  barrier.dsbSy();
  if ((phys.load16(queue.deviceArea as Pa) & DEVICE_F_NO_NOTIFY) == 0) write(queue.device, VIRTIO_QUEUE_NOTIFY, queue.index);
}

/** What the device has used next: the head in the low half, its bytes in the high one; NOTHING. */
export function take(queue: BoardQueue): u64 {
  if (phys.load16((queue.deviceArea + 2) as Pa) == queue.seen) return NOTHING;
  const at = queue.deviceArea + 4 + ((queue.seen & (queue.size - 1)) << 3);
  const head = phys.read32(at as Pa) & (queue.size - 1);
  const bytes = phys.read32((at + 4) as Pa);
  queue.seen = (queue.seen + 1) & INDEX;
  return (head as u64) | ((bytes as u64) << 32);
}

/** Takes a device's interrupt back: what came behind it raises it again. */
export function acknowledge(device: BoardDevice): void {
  write(device, VIRTIO_INTERRUPT_ACK, read(device, VIRTIO_INTERRUPT_STATUS));
}
