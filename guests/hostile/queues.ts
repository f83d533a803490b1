// Attacks by queues of virtio devices: kicks too early, and areas that are not RAM, lie across its end, or on top of each other.

import { RAM_BASE, UART_BASE } from "../../build/gen/guest";
import { DESC_F_WRITE, STATUS_NEEDS_RESET, VIRTIO_QUEUE_NOTIFY, VIRTIO_STATUS } from "../../build/gen/virtio";
import * as access from "../lib/hal/access";
import * as virtio from "../lib/virtio";
import * as devices from "./devices";
import { DATA, queue, QUEUES, RINGS, SIZE } from "./devices";
import * as places from "./places";
import * as stage from "./stage";

const WRONG_PLACES: u32 = 8;
const CASES: u32 = WRONG_PLACES + 2;

/** Where no queue may lie. */
function wrongPlace(n: u32): u64 {
  switch (n) {
    case 0:
      return 0;
    case 1:
      return UART_BASE;
    case 2:
      return places.ramEnd() - 64;
    case 3:
      return places.ramEnd();
    case 4:
      return RAM_BASE - 16;
    case 5:
      return 0xfffffffffffff000;
    case 6:
      return (1 as u64) << 40;
    default:
      return RINGS + 1;
  }
}

function kickAll(base: u64): void {
  for (let n: u32 = 0; n < 4; n++) access.write32(base + VIRTIO_QUEUE_NOTIFY, n);
  access.write32(base + VIRTIO_QUEUE_NOTIFY, 0xffffffff);
}

/** A device that nobody has brought up does nothing, with or without a queue. */
function early(n: u32): bool {
  const base = virtio.at(devices.slotOf(n));
  access.write32(base + VIRTIO_STATUS, 0);
  kickAll(base);
  if (!virtio.negotiate(base, virtio.offered(base))) return false;
  virtio.open(queue, base, devices.indexOf(n), SIZE, RINGS);
  virtio.describe(queue, 0, DATA, 64, DESC_F_WRITE);
  virtio.offer(queue, 0);
  kickAll(base);
  return devices.used() == 0 && (virtio.status(base) & STATUS_NEEDS_RESET) == 0;
}

/** A queue at a place where none may be is not used, and breaks its device. */
function misplaced(n: u32, where: u64): bool {
  const base = virtio.at(devices.slotOf(n));
  if (!virtio.negotiate(base, virtio.offered(base))) return false;
  virtio.choose(queue, base, devices.indexOf(n), SIZE);
  const isUsed = virtio.place(queue, where, where + 0x100, where + 0x200);
  virtio.start(base);
  kickAll(base);
  return !isUsed && (virtio.status(base) & STATUS_NEEDS_RESET) != 0;
}

/** All three areas, and the buffers, in one place: what comes of that is the guest's own, and a reset ends it. */
function heaped(n: u32): bool {
  const base = virtio.at(devices.slotOf(n));
  if (!virtio.negotiate(base, virtio.offered(base))) return false;
  virtio.choose(queue, base, devices.indexOf(n), SIZE);
  if (!virtio.place(queue, RINGS, RINGS, RINGS)) return false;
  virtio.start(base);
  for (let turn: u32 = 0; turn < 8; turn++) {
    virtio.describe(queue, turn, RINGS, 0x300, turn & DESC_F_WRITE);
    virtio.submit(queue, turn);
  }
  access.write32(base + VIRTIO_STATUS, 0);
  return virtio.status(base) == 0;
}

function isRight(which: u32, place: u32): bool {
  if (place < WRONG_PLACES) return misplaced(which, wrongPlace(place));
  return place == WRONG_PLACES ? early(which) : heaped(which);
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
