// The transport of a virtio device: virtio-mmio, version 2 (virtio 1.2, 4.2). Registers are written under the VM's lock, what a device's work needs of them
// under the device's as well; a kick takes the device's lock alone.

import {
  F_EVENT_IDX,
  F_VERSION_1,
  STATUS_DRIVER_OK,
  STATUS_FEATURES_OK,
  STATUS_NEEDS_RESET,
  VIRTIO_CONFIG_GENERATION,
  VIRTIO_DEVICE_FEATURES,
  VIRTIO_DEVICE_FEATURES_SEL,
  VIRTIO_DEVICE_ID,
  VIRTIO_DRIVER_FEATURES,
  VIRTIO_DRIVER_FEATURES_SEL,
  VIRTIO_INTERRUPT_ACK,
  VIRTIO_MAGIC,
  VIRTIO_MAGIC_VALUE,
  VIRTIO_MODERN,
  VIRTIO_QUEUE_DESC_HIGH,
  VIRTIO_QUEUE_DESC_LOW,
  VIRTIO_QUEUE_DEVICE_HIGH,
  VIRTIO_QUEUE_DEVICE_LOW,
  VIRTIO_QUEUE_DRIVER_HIGH,
  VIRTIO_QUEUE_DRIVER_LOW,
  VIRTIO_QUEUE_NUM,
  VIRTIO_QUEUE_NUM_MAX,
  VIRTIO_QUEUE_READY,
  VIRTIO_QUEUE_SEL,
  VIRTIO_SHM_BASE_HIGH,
  VIRTIO_SHM_LEN_LOW,
  VIRTIO_STATUS,
  VIRTIO_VENDOR,
  VIRTIO_VENDOR_ID,
  VIRTIO_VERSION,
} from "../../../build/gen/virtio";
import * as locks from "../../lib/lock";
import { VirtioDevice, Virtqueue } from "../../vm/virtio-records";
import * as queues from "./queue";
import * as signal from "./signal";
import * as types from "./types";

/** The status bits that a driver sets. */
const DRIVER_STATUS: u32 = 0x8f;

// --- reset

/** The device as at power-on: nothing of it is in flight when this returns. The VM's lock is held. */
export function reset(device: VirtioDevice): void {
  locks.acquire(device.lock);
  device.status = 0;
  device.taken = 0;
  device.eventIdx = 0;
  device.deviceFeaturesSel = 0;
  device.driverFeaturesSel = 0;
  device.queueSel = 0;
  for (let n: u32 = 0; n < device.queues; n++) {
    const queue = queues.nth(device, n);
    queue.ready = 0;
    queue.size = 0;
    queue.descriptors = 0;
    queue.driver = 0;
    queue.deviceArea = 0;
  }
  types.reset(device);
  signal.clear(device);
  locks.release(device.lock);
  signal.update(device);
}

// --- registers

/** 32 bits of the features offered or taken; there are two such words. */
function word(features: u64, sel: u32): u32 {
  return sel > 1 ? 0 : ((features >> (sel << 5)) as u32);
}

/** A queue's word of registers, if it is there. */
function selected(device: VirtioDevice): Virtqueue {
  return device.queueSel < device.queues ? queues.nth(device, device.queueSel) : changetype<Virtqueue>(0);
}

/** Reads a register below the configuration space, all 32 bits of it, but for InterruptStatus. */
export function read(device: VirtioDevice, offset: u32): u32 {
  // Whoever works on it may break it.
  locks.acquire(device.lock);
  const value = readLocked(device, offset);
  locks.release(device.lock);
  return value;
}

function readLocked(device: VirtioDevice, offset: u32): u32 {
  switch (offset) {
    case VIRTIO_MAGIC_VALUE:
      return VIRTIO_MAGIC;
    case VIRTIO_VERSION:
      return VIRTIO_MODERN;
    case VIRTIO_DEVICE_ID:
      return device.type;
    case VIRTIO_VENDOR_ID:
      return VIRTIO_VENDOR;
    case VIRTIO_DEVICE_FEATURES:
      return word(device.features, device.deviceFeaturesSel);
    case VIRTIO_QUEUE_NUM_MAX:
      return changetype<usize>(selected(device)) == 0 ? 0 : selected(device).maxSize;
    case VIRTIO_QUEUE_READY:
      return changetype<usize>(selected(device)) == 0 ? 0 : selected(device).ready;
    case VIRTIO_STATUS:
      return device.status;
    case VIRTIO_CONFIG_GENERATION:
      return device.generation;
    default:
      // There is no shared memory: its length is all ones (4.2.2).
      return offset >= VIRTIO_SHM_LEN_LOW && offset <= VIRTIO_SHM_BASE_HIGH ? 0xffffffff : 0;
  }
}

/** Status as the driver writes it, not 0: bits are added (2.1, 3.1.1). */
function writeStatus(device: VirtioDevice, value: u32): void {
  let fresh = value & DRIVER_STATUS & ~device.status;
  if ((fresh & STATUS_FEATURES_OK) != 0) {
    const right = (device.taken & ~device.features) == 0 && (device.taken & F_VERSION_1) != 0;
    if (right) device.eventIdx = u32((device.taken & F_EVENT_IDX) != 0);
    else fresh &= ~STATUS_FEATURES_OK;
  }
  if (((device.status | fresh) & STATUS_FEATURES_OK) == 0) fresh &= ~STATUS_DRIVER_OK;
  device.status |= fresh;
}

function writeQueue(device: VirtioDevice, queue: Virtqueue, offset: u32, value: u32): void {
  if (offset == VIRTIO_QUEUE_READY) {
    if (value == 0) {
      queue.ready = 0;
      types.reset(device);
    } else if (queue.ready == 0 && (device.status & (STATUS_FEATURES_OK | STATUS_NEEDS_RESET)) == STATUS_FEATURES_OK) {
      if (!queues.open(queue))
        queues.broken(device, "virtio device %d: a queue of %d entries whose areas are not RAM", queue.size);
    }
    return;
  }
  // Where a queue in use lies stays so (4.2.3.2).
  if (queue.ready != 0) return;
  switch (offset) {
    case VIRTIO_QUEUE_NUM:
      queue.size = value <= queue.maxSize && (value & (value - 1)) == 0 ? value : 0;
      break;
    case VIRTIO_QUEUE_DESC_LOW:
      queue.descriptors = (queue.descriptors & 0xffffffff00000000) | value;
      break;
    case VIRTIO_QUEUE_DESC_HIGH:
      queue.descriptors = (queue.descriptors & 0xffffffff) | ((value as u64) << 32);
      break;
    case VIRTIO_QUEUE_DRIVER_LOW:
      queue.driver = (queue.driver & 0xffffffff00000000) | value;
      break;
    case VIRTIO_QUEUE_DRIVER_HIGH:
      queue.driver = (queue.driver & 0xffffffff) | ((value as u64) << 32);
      break;
    case VIRTIO_QUEUE_DEVICE_LOW:
      queue.deviceArea = (queue.deviceArea & 0xffffffff00000000) | value;
      break;
    case VIRTIO_QUEUE_DEVICE_HIGH:
      queue.deviceArea = (queue.deviceArea & 0xffffffff) | ((value as u64) << 32);
      break;
    default:
      break;
  }
}

function writeFeatures(device: VirtioDevice, value: u32): void {
  if ((device.status & STATUS_FEATURES_OK) != 0 || device.driverFeaturesSel > 1) return;
  const shift: u64 = device.driverFeaturesSel << 5;
  device.taken = (device.taken & ~((0xffffffff as u64) << shift)) | ((value as u64) << shift);
}

function writeLocked(device: VirtioDevice, offset: u32, value: u32): void {
  switch (offset) {
    case VIRTIO_DEVICE_FEATURES_SEL:
      device.deviceFeaturesSel = value;
      return;
    case VIRTIO_DRIVER_FEATURES_SEL:
      device.driverFeaturesSel = value;
      return;
    case VIRTIO_DRIVER_FEATURES:
      writeFeatures(device, value);
      return;
    case VIRTIO_QUEUE_SEL:
      device.queueSel = value;
      return;
    default:
      if (changetype<usize>(selected(device)) != 0) writeQueue(device, selected(device), offset, value);
  }
}

/** Writes a register below the configuration space, but for QueueNotify. The VM's lock is held, and the vCPU acts for it. */
export function write(device: VirtioDevice, offset: u32, value: u32): void {
  if (offset == VIRTIO_INTERRUPT_ACK) {
    signal.acknowledge(device, value);
    return;
  }
  if (offset == VIRTIO_STATUS && value == 0) {
    reset(device);
    return;
  }
  locks.acquire(device.lock);
  if (offset == VIRTIO_STATUS) writeStatus(device, value);
  else writeLocked(device, offset, value);
  locks.release(device.lock);
  // A queue that is wrong breaks the device.
  signal.update(device);
}
