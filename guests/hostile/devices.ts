// The virtio devices of a hostile guest, in the order that its configuration gives them: a port of a switch, a disk that it may write, random bytes, a console; and
// what an attack on them has in hand.

import { RAM_BASE } from "../../build/gen/guest";
import { CONSOLE_CONTROL_TRANSMIT, VIRTIO_DEVICE_ID, VIRTIO_NET } from "../../build/gen/virtio";
import * as bootargs from "../lib/bootargs";
import * as access from "../lib/hal/access";
import * as virtio from "../lib/virtio";
import { Queue } from "../lib/virtio";
import * as stage from "./stage";

/** Queues of all devices, of the console's the one for messages about its ports, and the disk's among them. */
export const QUEUES: u32 = 5;
export const DISK_QUEUE: u32 = 2;
/** Entries of each. */
export const SIZE: u32 = 16;

/** In RAM behind what else the guest has: rings, a table of descriptors, buffers. */
export const RINGS: u64 = RAM_BASE + 0xa00000;
export const TABLE: u64 = RAM_BASE + 0xa80000;
export const DATA: u64 = RAM_BASE + 0xb00000;

export const queue = changetype<Queue>(memory.data(64, 8));

/** The device and the number in it of queue `n` of all. */
export function slotOf(n: u32): u32 {
  return n < 2 ? 0 : n - 1;
}
export function indexOf(n: u32): u32 {
  if (n == QUEUES - 1) return CONSOLE_CONTROL_TRANSMIT;
  return n < 2 ? n : 0;
}

/** Whether a device looks into that queue when it is kicked: what a network device is to fill, it finds when a frame comes. */
export function isLookedInto(n: u32): bool {
  return access.read32(virtio.at(slotOf(n)) + VIRTIO_DEVICE_ID) != VIRTIO_NET || indexOf(n) != 0;
}

/** Resets the device of queue `n`, and brings it up with that queue alone, in order, empty. */
export function bringUp(n: u32): void {
  const base = virtio.at(slotOf(n));
  virtio.negotiate(base, virtio.offered(base));
  virtio.open(queue, base, indexOf(n), SIZE, RINGS);
  virtio.start(base);
}

/** How many chains have come back. */
export function used(): u32 {
  return access.read16(queue.device + 2);
}

/** Whether each of an attack's cases has come at each queue: there is time for all in a turn that is measured, for who decides how long that is. */
export function isThrough(n: u32, cases: u32): bool {
  return stage.measured() == 0 || bootargs.is("role", "follower") || n >= QUEUES * cases;
}
