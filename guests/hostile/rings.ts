// Attacks by what stands in the rings of virtio devices: loops, chains too long, buffers that are empty or no RAM, indices that jump; features that were never
// offered, and resets in the middle of a request. A device is broken by it until it is reset, and then does what it is asked as ever.

import { GICD_BASE } from "../../build/gen/guest";
import {
  BLOCK_HEADER,
  BLOCK_T_IN,
  DESC_BYTES,
  DESC_F_INDIRECT,
  DESC_F_NEXT,
  DESC_F_WRITE,
  F_VERSION_1,
  STATUS_NEEDS_RESET,
  VIRTIO_STATUS,
} from "../../build/gen/virtio";
import * as access from "../lib/hal/access";
import * as virtio from "../lib/virtio";
import * as devices from "./devices";
import { DATA, DISK_QUEUE, queue, QUEUES, SIZE, TABLE } from "./devices";
import * as places from "./places";
import * as stage from "./stage";

const WRONGS: u32 = 12;
const CASES: u32 = WRONGS + 2;

/** A buffer that no device takes. */
function wrongBuffer(address: u64, bytes: u32): void {
  virtio.describe(queue, 0, address, bytes, DESC_F_WRITE);
  virtio.offer(queue, 0);
}

/** A chain that is a table of descriptors. */
function indirect(entries: u32): void {
  virtio.describe(queue, 0, TABLE, entries * (DESC_BYTES as u32), DESC_F_INDIRECT);
  virtio.offer(queue, 0);
}

/** Puts into the ring what breaks a device. */
function spoil(wrong: u32): void {
  switch (wrong) {
    case 0:
      // A loop of two.
      virtio.write(queue.descriptors, 0, DATA, 16, DESC_F_NEXT, 1);
      virtio.write(queue.descriptors, 1, DATA, 16, DESC_F_NEXT, 0);
      virtio.offer(queue, 0);
      return;
    case 1:
      virtio.write(queue.descriptors, 3, DATA, 1, DESC_F_WRITE | DESC_F_NEXT, 3);
      virtio.offer(queue, 3);
      return;
    case 2:
      for (let n: u32 = 0; n <= SIZE; n++) virtio.write(TABLE, n, DATA, 1, DESC_F_NEXT, n + 1);
      indirect(SIZE + 1);
      return;
    case 3:
      virtio.write(TABLE, 0, DATA, 1, DESC_F_NEXT, 0);
      indirect(1);
      return;
    case 4:
      virtio.write(TABLE, 0, TABLE, DESC_BYTES as u32, DESC_F_INDIRECT, 0);
      indirect(1);
      return;
    case 5:
      wrongBuffer(DATA, 0);
      return;
    case 6:
      wrongBuffer(GICD_BASE, 16);
      return;
    case 7:
      wrongBuffer(places.ramEnd() - 8, 16);
      return;
    case 8:
      wrongBuffer(DATA, 0xffffffff);
      return;
    case 9:
      wrongBuffer(0xfffffffffffff000, 0x2000);
      return;
    case 10:
      // A head that is not there.
      virtio.offer(queue, SIZE);
      return;
    default:
      queue.offered = 0x7fff;
      virtio.offer(queue, 0);
  }
}

/** Nothing comes back, and the device says that it is broken: at once, if it looks. */
function breaks(n: u32, wrong: u32): bool {
  devices.bringUp(n);
  spoil(wrong);
  virtio.kick(queue);
  if (devices.used() != 0) return false;
  return !devices.isLookedInto(n) || (virtio.status(queue.base) & STATUS_NEEDS_RESET) != 0;
}

/** A reset while a request of 64 KiB is done by pieces; nothing comes of it behind that, and the next request is answered. */
function resetsInFlight(): bool {
  devices.bringUp(DISK_QUEUE);
  access.write64(DATA, BLOCK_T_IN);
  access.write64(DATA + 8, 0);
  virtio.describe(queue, 0, DATA, BLOCK_HEADER, DESC_F_NEXT);
  virtio.describe(queue, 1, DATA + 0x1000, 0x10000, DESC_F_NEXT | DESC_F_WRITE);
  virtio.describe(queue, 2, DATA + BLOCK_HEADER, 1, DESC_F_WRITE);
  virtio.submit(queue, 0);
  access.write32(queue.base + VIRTIO_STATUS, 0);
  const before = devices.used();
  virtio.kick(queue);
  if (devices.used() != before || virtio.status(queue.base) != 0) return false;
  devices.bringUp(DISK_QUEUE);
  virtio.describe(queue, 0, DATA, BLOCK_HEADER, DESC_F_NEXT);
  virtio.describe(queue, 1, DATA + 0x1000, 512, DESC_F_NEXT | DESC_F_WRITE);
  virtio.describe(queue, 2, DATA + BLOCK_HEADER, 1, DESC_F_WRITE);
  access.write8(DATA + BLOCK_HEADER, 0xff);
  virtio.submit(queue, 0);
  return devices.used() == 1 && access.read8(DATA + BLOCK_HEADER) == 0;
}

/** No device agrees to what it has not offered. */
function overreaches(n: u32): bool {
  const base = virtio.at(devices.slotOf(n));
  const features = virtio.offered(base);
  if (virtio.negotiate(base, ~(0 as u64))) return false;
  for (let bit: u64 = 2; bit < 64; bit += 13) {
    const one = (1 as u64) << bit;
    if (virtio.negotiate(base, F_VERSION_1 | one) != ((features & one) != 0)) return false;
  }
  return true;
}

function isRight(which: u32, wrong: u32): bool {
  if (wrong < WRONGS) return breaks(which, wrong);
  return wrong == WRONGS ? resetsInFlight() : overreaches(which);
}

/** One case after the other, at each queue. */
export function games(): bool {
  let right = true;
  let n: u32 = 0;
  for (; stage.isOn(); n++) {
    if (!isRight(n % QUEUES, (n / QUEUES) % CASES)) right = false;
  }
  return right && devices.isThrough(n, CASES);
}
