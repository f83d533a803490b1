// The board's disks (virtio 1.2, 5.2): up to SLOTS requests under way, each by a buffer of the hypervisor's own. The caller holds the disk's lock.

import {
  BLOCK_CAPACITY,
  BLOCK_F_FLUSH,
  BLOCK_F_RO,
  BLOCK_HEADER,
  BLOCK_ID,
  BLOCK_S_IOERR,
  BLOCK_S_OK,
  BLOCK_T_GET_ID,
  BLOCK_T_IN,
  DESC_F_NEXT,
  DESC_F_WRITE,
  SECTOR,
  VIRTIO_CONFIG,
} from "../../../build/gen/virtio";
import { Pa } from "../../hal/addr";
import * as cpu from "../../hal/cpu";
import * as mmio from "../../hal/mmio";
import * as phys from "../../hal/phys";
import * as sysreg from "../../hal/sysreg";
import * as arena from "../../lib/arena";
import { Lock } from "../../lib/lock";
import * as timer from "../timer";
import * as dma from "./dma";
import * as transport from "./transport";
import { BoardDevice, BoardQueue, NOTHING } from "./transport";

export const SLOTS: u32 = 8;
/** Descriptors of a slot: header, data, status. */
const DESCRIPTORS: u32 = 3;
const QUEUE_SIZE: u32 = 32;
/** The most data of a request, in bytes. */
export const CHUNK: u64 = 0x8000;
/** Header and status of a slot, before its data. */
const HEAD: u64 = 64;
const NO_SLOT: u32 = SLOTS;
const FEATURES: u64 = BLOCK_F_RO | BLOCK_F_FLUSH;

@unmanaged
export class BoardBlock {
  lock: Lock;
  device: BoardDevice;
  queue: BoardQueue;
  /** Slots that are free, one bit each. */
  free: u32;
  /** The last ticket of those who wait for one. */
  tickets: u32;
  /** In bytes. */
  bytes: u64;
  slots: u64;
  /** For those above: who uses it, and whom each slot works for (0: nobody any more), SLOTS words. */
  users: usize;
  owners: usize;
  serial0: u64;
  serial1: u64;
  serial2: u64;
}

function headOf(disk: BoardBlock, slot: u32): u64 {
  return disk.slots + (slot as u64) * (HEAD + CHUNK);
}
/** Where the data of a slot are. */
export function dataOf(disk: BoardBlock, slot: u32): Pa {
  return (headOf(disk, slot) + HEAD) as Pa;
}
/** What a request that is over has ended with: BLOCK_S_…. */
export function statusOf(disk: BoardBlock, slot: u32): u32 {
  return phys.read8((headOf(disk, slot) + BLOCK_HEADER) as Pa);
}

/** Takes a slot; NO_SLOT if there is none. */
export function takeSlot(disk: BoardBlock): u32 {
  if (disk.free == 0) return NO_SLOT;
  const slot = ctz<u32>(disk.free);
  disk.free &= ~((1 as u32) << slot);
  return slot;
}
export function isSlot(slot: u32): bool {
  return slot < SLOTS;
}

/** Whom a slot works for; 0: nobody any more. */
export function ownerOf(disk: BoardBlock, slot: u32): usize {
  return load<usize>(disk.owners + (slot << 2));
}
export function setOwner(disk: BoardBlock, slot: u32, owner: usize): void {
  store<usize>(disk.owners + (slot << 2), owner);
}

/** Begins a request of `bytes` of data, which lie in the slot already if the device reads them. */
export function submit(disk: BoardBlock, slot: u32, type: u32, sector: u64, bytes: u32): void {
  const head = headOf(disk, slot);
  const first = slot * DESCRIPTORS;
  const isRead = type == BLOCK_T_IN || type == BLOCK_T_GET_ID;
  phys.write64(head as Pa, type);
  phys.write64((head + 8) as Pa, sector);
  phys.write8((head + BLOCK_HEADER) as Pa, BLOCK_S_IOERR);
  transport.describe(disk.queue, first, head, BLOCK_HEADER, DESC_F_NEXT, bytes != 0 ? first + 1 : first + 2);
  const flags: u32 = isRead ? DESC_F_NEXT | DESC_F_WRITE : DESC_F_NEXT;
  transport.describe(disk.queue, first + 1, head + HEAD, bytes, flags, first + 2);
  transport.describe(disk.queue, first + 2, head + BLOCK_HEADER, 1, DESC_F_WRITE, 0);
  transport.offer(disk.queue, first);
  transport.kick(disk.queue);
}

/** The slot of a request that is over, which is free from now on, though its data are still there; NO_SLOT. */
export function finished(disk: BoardBlock): u32 {
  const used = transport.take(disk.queue);
  const slot = (used as u32) / DESCRIPTORS;
  if (used == NOTHING || slot >= SLOTS) return NO_SLOT;
  disk.free |= (1 as u32) << slot;
  return slot;
}

/** Asks for the serial number, and waits for it: a second at most. */
function readSerial(disk: BoardBlock): void {
  submit(disk, takeSlot(disk), BLOCK_T_GET_ID, 0, BLOCK_ID);
  const end = timer.now() + sysreg.readCntfrqEl0();
  let slot = finished(disk);
  while (!isSlot(slot)) {
    // A slot that never comes back is lost, and the disk has no name.
    if (timer.now() > end) return;
    cpu.relax();
    slot = finished(disk);
  }
  if (statusOf(disk, slot) != BLOCK_S_OK) return;
  for (let n: u32 = 0; n < BLOCK_ID; n++) {
    const byte = phys.read8(((dataOf(disk, slot) as u64) + n) as Pa);
    store<u8>(changetype<usize>(disk) + n, byte, offsetof<BoardBlock>("serial0"));
  }
}

/** Brings a disk up; false: it does not agree. */
export function open(disk: BoardBlock, device: BoardDevice): bool {
  disk.device = device;
  disk.owners = arena.take(SLOTS << 2, 4);
  if (!transport.begin(device, FEATURES)) return false;
  const at = device.base + VIRTIO_CONFIG + BLOCK_CAPACITY;
  const sectors = (mmio.read32(at as Pa) as u64) | ((mmio.read32((at + 4) as Pa) as u64) << 32);
  disk.bytes = min<u64>(sectors, 0xffffffffffffffff / SECTOR) * SECTOR;
  disk.queue = transport.makeQueue(device, 0, QUEUE_SIZE);
  if (changetype<usize>(disk.queue) == 0) return false;
  disk.slots = dma.take((HEAD + CHUNK) * SLOTS, 64) as u64;
  disk.free = ((1 as u32) << SLOTS) - 1;
  transport.start(device);
  readSerial(disk);
  return true;
}

/** Whether a disk has everything on it that it has said to have written. */
export function writesThrough(disk: BoardBlock): bool {
  return (disk.device.taken & BLOCK_F_FLUSH) == 0;
}
