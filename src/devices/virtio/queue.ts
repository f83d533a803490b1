// Split virtqueues (virtio 1.2, 2.7) as a device has them. Everything in a ring is the driver's to change at any moment, and may be wrong: an index or a
// descriptor is read once, and what is read is checked before it is used. What breaks a rule is `broken`: nothing more is taken before a reset.
//
// An index is read by load-acquire and written by store-release, so the entries behind it are seen as they were when it was written, by either side; and a
// read behind a write of one's own is not made before it (Arm ARM B2.3.7), which is what suppressing notifications rests on.
//
// The caller holds the device's lock.

import {
  DESC_BYTES,
  DESC_F_INDIRECT,
  DESC_F_NEXT,
  DESC_F_WRITE,
  DEVICE_F_NO_NOTIFY,
  DRIVER_F_NO_INTERRUPT,
  F_INDIRECT_DESC,
  INTERRUPT_CONFIG,
  INTERRUPT_USED,
  STATUS_DRIVER_OK,
  STATUS_NEEDS_RESET,
} from "../../../build/gen/virtio";
import { Ipa, Pa } from "../../hal/addr";
import * as atomic from "../../hal/atomic";
import * as phys from "../../hal/phys";
import * as ram from "../../vm/ram";
import { Vm } from "../../vm/records";
import { Buffer, Chain, VirtioDevice, Virtqueue } from "../../vm/virtio-records";

/** No chain. */
export const NONE: u32 = 0xffffffff;
const INDEX: u32 = 0xffff;

/** Offsets in the driver's and the device's area. */
const IDX: u64 = 2;
const RING: u64 = 4;

/** Of a descriptor's second word: bytes in bits 0-31, flags in 32-47, next in 48-63. */
const FLAGS_SHIFT: u64 = 32;
const NEXT_SHIFT: u64 = 48;

// --- the three areas

/** Where `offset` in an area lies, whose parts of that size are in one piece each. */
function at(vm: Vm, area: u64, areaAt: u64, offset: u64): Pa {
  return areaAt != 0 ? ((areaAt + offset) as Pa) : ram.find(vm, (area + offset) as Ipa);
}
function inDriver(queue: Virtqueue, offset: u64): Pa {
  return at(queue.device.vm, queue.driver, queue.driverAt, offset);
}
function inDevice(queue: Virtqueue, offset: u64): Pa {
  return at(queue.device.vm, queue.deviceArea, queue.deviceAt, offset);
}

/** The physical address of an area in one piece; 0: it is in several. */
function located(vm: Vm, area: u64, bytes: u64): u64 {
  return ram.inOnePiece(vm, area as Ipa, bytes) == bytes ? (ram.find(vm, area as Ipa) as u64) : 0;
}

/** Takes the queue into use if its size and areas are right (2.7); false if they are not. */
export function open(queue: Virtqueue): bool {
  const vm = queue.device.vm;
  const size = queue.size as u64;
  const descriptorBytes = size * DESC_BYTES;
  // With the event field at the end.
  const driverBytes = RING + (size << 1) + 2;
  const deviceBytes = RING + (size << 3) + 2;
  if (size == 0 || (queue.descriptors & 15) != 0 || (queue.driver & 1) != 0 || (queue.deviceArea & 3) != 0) return false;
  if (!ram.holds(vm, queue.descriptors as Ipa, descriptorBytes)) return false;
  if (!ram.holds(vm, queue.driver as Ipa, driverBytes) || !ram.holds(vm, queue.deviceArea as Ipa, deviceBytes)) return false;
  queue.descriptorsAt = located(vm, queue.descriptors, descriptorBytes);
  queue.driverAt = located(vm, queue.driver, driverBytes);
  queue.deviceAt = located(vm, queue.deviceArea, deviceBytes);
  queue.next = 0;
  queue.offered = 0;
  queue.used = 0;
  queue.shown = 0;
  queue.decided = 0;
  queue.ready = 1;
  return true;
}

// --- what is wrong

/** The driver has broken a rule: nothing of the device is used before a reset, and the driver is told (2.1.1). */
export function broken(device: VirtioDevice, why: string, value: u64): void {
  if ((device.status & STATUS_NEEDS_RESET) != 0) return;
  device.status |= STATUS_NEEDS_RESET;
  for (let n: u32 = 0; n < device.queues; n++) nth(device, n).ready = 0;
  signal(device, INTERRUPT_CONFIG);
  // The line to the log may be slow, and others wait for the lock: signal.ts says it when that has been let go of.
  const complaint = changetype<usize>(device) + offsetof<VirtioDevice>("complaint");
  if (atomic.load32(complaint) != 0) return;
  device.complaintValue = value;
  atomic.store32(complaint, changetype<usize>(why) as u32);
}

/** Whether the driver has brought the device up, and not broken it since: nothing of its queues is used otherwise. */
export function runs(device: VirtioDevice): bool {
  return (device.status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) == STATUS_DRIVER_OK;
}

/** Queue `n` of a device, below `device.queues`. */
export function nth(device: VirtioDevice, n: u32): Virtqueue {
  return changetype<Virtqueue>(changetype<usize>(device.firstQueue) + n * offsetof<Virtqueue>());
}

/** The driver is to be interrupted, for a reason of InterruptStatus: signal.ts does that when the lock has been let go of. */
function signal(device: VirtioDevice, reason: u32): void {
  atomic.or32(changetype<usize>(device) + offsetof<VirtioDevice>("interruptStatus"), reason);
}

/** The configuration space reads otherwise than before: a driver that runs is told (2.5). */
export function configChanged(device: VirtioDevice): void {
  device.generation++;
  if ((device.status & STATUS_DRIVER_OK) != 0) signal(device, INTERRUPT_CONFIG);
}

// --- taking

/** How many chains wait to be taken: as the index was last seen, unless all of those have been taken. */
function waiting(queue: Virtqueue): u32 {
  const seen = (queue.offered - queue.next) & INDEX;
  if (seen != 0) return seen;
  queue.offered = phys.load16(inDriver(queue, IDX));
  return (queue.offered - queue.next) & INDEX;
}

/** Whether there is a chain to take; the index of a driver that offers more than there are entries has jumped. */
export function hasMore(queue: Virtqueue): bool {
  if (queue.ready == 0) return false;
  const count = waiting(queue);
  if (count <= queue.size) return count != 0;
  broken(queue.device, "virtio device %d: an index has jumped by %d", count);
  return false;
}

/** Takes the next chain into `chain`; false: there is none, or it breaks a rule. */
export function take(queue: Virtqueue, chain: Chain): bool {
  if (!hasMore(queue)) return false;
  const entry = queue.next & (queue.size - 1);
  const head: u32 = phys.load16(inDriver(queue, RING + (entry << 1)));
  if (!read(queue, head, chain)) return false;
  queue.next = (queue.next + 1) & INDEX;
  return true;
}

/** Looks how many chains are offered now; false: none. */
export function refresh(queue: Virtqueue): bool {
  if (queue.ready == 0) return false;
  queue.offered = phys.load16(inDriver(queue, IDX));
  return hasMore(queue);
}

/** How many chains were offered when that was looked at last, and not taken. */
export function free(queue: Virtqueue): u32 {
  return (queue.offered - queue.next) & INDEX;
}

/** What was taken and given back, to go back there. */
export function mark(queue: Virtqueue): u32 {
  return (queue.next << 16) | queue.used;
}
/** What was taken since is taken again later, and what was given back since was not. Nothing of it may have been shown. */
export function rollBack(queue: Virtqueue, mark: u32): void {
  queue.next = mark >> 16;
  queue.used = mark & INDEX;
}

function begin(chain: Chain, vm: Vm, head: u32): void {
  chain.vm = vm;
  chain.head = head;
  chain.buffers = 0;
  chain.readable = 0;
  chain.readableBytes = 0;
  chain.writableBytes = 0;
}

/** Whether a table of descriptors may take the place of the rest of a chain (2.7.5.3). */
function mayBeTable(queue: Virtqueue, ipa: u64, bytes: u64, flags: u32): bool {
  if ((queue.device.taken & F_INDIRECT_DESC) == 0 || (flags & DESC_F_NEXT) != 0) return false;
  if (bytes == 0 || bytes % DESC_BYTES != 0 || bytes / DESC_BYTES > queue.size) return false;
  // It may lie at any address; where memory is scattered a descriptor would lie across two pieces.
  return ram.holds(queue.device.vm, ipa as Ipa, bytes) && ((ipa & 15) == 0 || located(queue.device.vm, ipa, bytes) != 0);
}

/** Whether a buffer is RAM, and stands where it may: what is read comes before what is written (2.7.4.2). */
function mayBeBuffer(chain: Chain, ipa: u64, bytes: u64, writable: bool): bool {
  if (bytes == 0 || !ram.holds(chain.vm, ipa as Ipa, bytes)) return false;
  return writable || chain.writableBytes == 0;
}

/** Leaves the chain that was taken last, of which nothing was given back, to be taken again. */
export function leave(queue: Virtqueue): void {
  queue.next = (queue.next - 1) & INDEX;
}

/** Reads a chain; false, and the device is broken, where it breaks a rule. */
function read(queue: Virtqueue, head: u32, chain: Chain): bool {
  const device = queue.device;
  let table = queue.descriptors;
  let tableAt = queue.descriptorsAt;
  let size = queue.size;
  let index = head;
  let indirect = false;
  begin(chain, device.vm, head);
  for (let left = queue.size; left != 0 && index < size; ) {
    const descriptor = (index as u64) * DESC_BYTES;
    const address = phys.read64(at(device.vm, table, tableAt, descriptor));
    const word = phys.read64(at(device.vm, table, tableAt, descriptor + 8));
    const bytes = word & 0xffffffff;
    const flags = (word >> FLAGS_SHIFT) as u32;
    if ((flags & DESC_F_INDIRECT) != 0) {
      if (indirect || !mayBeTable(queue, address, bytes, flags)) {
        broken(device, "virtio device %d: a table of %d bytes of descriptors that it may not have", bytes);
        return false;
      }
      indirect = true;
      table = address;
      tableAt = located(device.vm, address, bytes);
      size = (bytes / DESC_BYTES) as u32;
      index = 0;
      continue;
    }
    const writable = (flags & DESC_F_WRITE) != 0;
    if (!mayBeBuffer(chain, address, bytes, writable)) {
      broken(device, "virtio device %d: a buffer of %d bytes that is empty, not RAM, or out of order", bytes);
      return false;
    }
    add(chain, address, bytes, writable);
    if ((flags & DESC_F_NEXT) == 0) return true;
    index = (word >> NEXT_SHIFT) as u32;
    left--;
  }
  broken(device, "virtio device %d: chain %d has a loop, or leaves its table", head);
  return false;
}

function add(chain: Chain, ipa: u64, bytes: u64, writable: bool): void {
  const buffer = changetype<Buffer>(chain.firstBuffer + chain.buffers * offsetof<Buffer>());
  buffer.ipa = ipa;
  buffer.bytes = bytes;
  chain.buffers++;
  if (writable) {
    chain.writableBytes += bytes;
  } else {
    chain.readable++;
    chain.readableBytes += bytes;
  }
}

// --- giving back

/** Gives a chain back, of whose writable buffers `bytes` were written; the driver sees it with the next `show`. */
export function give(queue: Virtqueue, head: u32, bytes: u32): void {
  if (queue.ready == 0) return;
  const entry = queue.used & (queue.size - 1);
  // Two words: an entry of scattered memory may lie across two pieces.
  phys.write32(inDevice(queue, RING + (entry << 3)), head);
  phys.write32(inDevice(queue, RING + (entry << 3) + 4), bytes);
  queue.used = (queue.used + 1) & INDEX;
}

/** Shows the driver what was given back, and sees to an interrupt unless it asked for none. */
export function show(queue: Virtqueue): void {
  if (queue.ready == 0 || queue.shown == queue.used) return;
  queue.shown = queue.used;
  phys.store16(inDevice(queue, IDX), queue.used);
  if (wantsInterrupt(queue)) signal(queue.device, INTERRUPT_USED);
}

/** Whether the driver asked for an interrupt for what it has been shown (2.7.7, 2.7.10). */
function wantsInterrupt(queue: Virtqueue): bool {
  if (queue.device.eventIdx == 0) return (phys.load16(inDriver(queue, 0)) & DRIVER_F_NO_INTERRUPT) == 0;
  const event: u32 = phys.load16(inDriver(queue, RING + (queue.size << 1)));
  const before = queue.decided;
  queue.decided = queue.shown;
  return ((queue.shown - event - 1) & INDEX) < ((queue.shown - before) & INDEX);
}

// --- kicks

/** Asks the driver for a kick with the next chain. Whoever asks looks for one that came before, afterwards. */
export function wantKick(queue: Virtqueue): void {
  if (queue.ready == 0) return;
  if (queue.device.eventIdx != 0) phys.store16(inDevice(queue, RING + (queue.size << 3)), queue.next);
  else phys.store16(inDevice(queue, 0), 0);
}

/** Whether the driver has offered a chain; where it has not, it is to kick when it does. */
export function offers(queue: Virtqueue): bool {
  if (hasMore(queue)) return true;
  wantKick(queue);
  return hasMore(queue);
}

/** Tells the driver that chains are found without a kick. */
export function wantNoKick(queue: Virtqueue): void {
  if (queue.ready == 0) return;
  // An index that was passed already comes again after 65,535 more.
  if (queue.device.eventIdx != 0) phys.store16(inDevice(queue, RING + (queue.size << 3)), (queue.next - 1) & INDEX);
  else phys.store16(inDevice(queue, 0), DEVICE_F_NO_NOTIFY);
}
