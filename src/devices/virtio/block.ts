// The block device (virtio 1.2, 5.2) on a disk in RAM. A request is done in pieces, at the kicks of its driver: where it is, is in the device's record.
//
//   readable: type u32 | reserved u32 | sector u64 [data]     writable: [data] status u8

import {
  BLOCK_BLK_SIZE,
  BLOCK_CAPACITY,
  BLOCK_DISCARD_SECTOR_ALIGNMENT,
  BLOCK_F_BLK_SIZE,
  BLOCK_F_DISCARD,
  BLOCK_F_FLUSH,
  BLOCK_F_RO,
  BLOCK_F_SEG_MAX,
  BLOCK_F_WRITE_ZEROES,
  BLOCK_HEADER,
  BLOCK_ID,
  BLOCK_MAX_DISCARD_SECTORS,
  BLOCK_MAX_DISCARD_SEG,
  BLOCK_MAX_WRITE_ZEROES_SECTORS,
  BLOCK_MAX_WRITE_ZEROES_SEG,
  BLOCK_S_IOERR,
  BLOCK_S_OK,
  BLOCK_S_UNSUPP,
  BLOCK_SEG_MAX,
  BLOCK_SEGMENT,
  BLOCK_T_DISCARD,
  BLOCK_T_FLUSH,
  BLOCK_T_GET_ID,
  BLOCK_T_IN,
  BLOCK_T_OUT,
  BLOCK_T_WRITE_ZEROES,
  BLOCK_WRITE_ZEROES_MAY_UNMAP,
  F_EVENT_IDX,
  F_INDIRECT_DESC,
  F_VERSION_1,
  SECTOR,
} from "../../../build/gen/virtio";
import { DISK_BLOCK } from "../../../build/gen/bundle";
import * as boardBlock from "../../drivers/virtio/block";
import { BoardBlock } from "../../drivers/virtio/block";
import * as locks from "../../lib/lock";
import * as disks from "../../vm/disks";
import { BlockDevice, Cursor, VirtioDevice, Virtqueue } from "../../vm/virtio-records";
import * as virtioTable from "../../vm/virtio-table";
import * as chains from "./chain";
import * as queues from "./queue";
import * as signal from "./signal";

const REQUESTS: u32 = 0;
const QUEUE_SIZE: u32 = 128;
/** Header and status take two buffers of a chain. */
const SEG_MAX: u32 = QUEUE_SIZE - 2;
/** What one piece of work moves, in bytes, and how many requests it takes, at most. */
const PIECE: u64 = 0x8000;
const REQUESTS_A_PIECE: u32 = 8;
/** The same at an interrupt of the board's disk, for each device that it concerns: the request that is over, and the next. */
const STEPS: u32 = 2;
/** Sectors that one request may clear. */
const CLEARED: u64 = 0x10000;

function ownOf(device: VirtioDevice): BlockDevice {
  return changetype<BlockDevice>(device.own);
}

/** At boot; its record names its disk. */
export function make(device: VirtioDevice): void {
  const own = ownOf(device);
  device.features = F_VERSION_1 | F_INDIRECT_DESC | F_EVENT_IDX | BLOCK_F_SEG_MAX | BLOCK_F_BLK_SIZE | BLOCK_F_FLUSH;
  if (own.readOnly != 0) device.features |= BLOCK_F_RO;
  // On the board's disks nothing is cleared: it would have to be for the slice alone, in whatever units the disk likes.
  else if (!disks.isSlice(own.disk)) device.features |= BLOCK_F_DISCARD | BLOCK_F_WRITE_ZEROES;
  own.device = device;
  const board = own.disk.board;
  if (changetype<usize>(board) != 0) {
    device.lock = board.lock;
    own.next = changetype<BlockDevice>(board.users);
    board.users = changetype<usize>(own);
  } else {
    device.lock = virtioTable.newLock();
  }
  virtioTable.makeQueues(device, 1, QUEUE_SIZE);
  chains.prepare(own.chain);
}

/** A word of the configuration space (5.2.4), which starts at a multiple of 4. */
export function configWord(device: VirtioDevice, offset: u32): u32 {
  const sectors = ownOf(device).disk.bytes / SECTOR;
  const clears = ownOf(device).readOnly == 0;
  switch (offset) {
    case BLOCK_CAPACITY:
      return sectors as u32;
    case BLOCK_CAPACITY + 4:
      return (sectors >> 32) as u32;
    case BLOCK_SEG_MAX:
      return SEG_MAX;
    case BLOCK_BLK_SIZE:
      return SECTOR;
    case BLOCK_MAX_DISCARD_SECTORS:
    case BLOCK_MAX_WRITE_ZEROES_SECTORS:
      return clears ? (CLEARED as u32) : 0;
    case BLOCK_MAX_DISCARD_SEG:
    case BLOCK_MAX_WRITE_ZEROES_SEG:
    case BLOCK_WRITE_ZEROES_MAY_UNMAP:
      return u32(clears);
    case BLOCK_DISCARD_SECTOR_ALIGNMENT:
      return clears ? DISK_BLOCK / SECTOR : 0;
    default:
      return 0;
  }
}

// --- a request

/** Whether `bytes` from byte `at` on are whole sectors of the disk. */
function isOnDisk(own: BlockDevice, sector: u64, bytes: u64): bool {
  const sectors = own.disk.bytes / SECTOR;
  return (bytes & (SECTOR - 1)) == 0 && sector <= sectors && bytes / SECTOR <= sectors - sector;
}

/** What a request is about, into its device's record; returns the status that it fails with, or BLOCK_S_OK. */
function begin(own: BlockDevice): u32 {
  const chain = own.chain;
  const from = chains.readable(chain, 0);
  const header = chains.get(from, 8);
  const sector = chains.get(from, 8);
  own.request = header as u32;
  own.at = sector * SECTOR;
  own.done = 0;
  own.bytes = 0;
  switch (own.request) {
    case BLOCK_T_IN:
      own.bytes = chain.writableBytes - 1;
      return isOnDisk(own, sector, own.bytes) ? BLOCK_S_OK : BLOCK_S_IOERR;
    case BLOCK_T_OUT:
      own.bytes = chain.readableBytes - BLOCK_HEADER;
      return own.readOnly == 0 && isOnDisk(own, sector, own.bytes) ? BLOCK_S_OK : BLOCK_S_IOERR;
    case BLOCK_T_FLUSH:
      return BLOCK_S_OK;
    case BLOCK_T_GET_ID:
      own.bytes = min<u64>(BLOCK_ID, chain.writableBytes - 1);
      return BLOCK_S_OK;
    case BLOCK_T_DISCARD:
    case BLOCK_T_WRITE_ZEROES:
      // Never offered there: the board's disk would do it wherever the request says.
      if (disks.isSlice(own.disk)) return BLOCK_S_UNSUPP;
      return own.readOnly != 0 ? BLOCK_S_IOERR : beginClearing(own, from);
    default:
      return BLOCK_S_UNSUPP;
  }
}

/** One segment (5.2.6): what is discarded reads as zeros. */
function beginClearing(own: BlockDevice, from: Cursor): u32 {
  if (own.chain.readableBytes != BLOCK_HEADER + BLOCK_SEGMENT) return BLOCK_S_UNSUPP;
  const sector = chains.get(from, 8);
  const sectors = chains.get(from, 4);
  const flags = chains.get(from, 4);
  // Bit 0 is `unmap`, which discarding does not know; the others are reserved.
  if (flags > (own.request == BLOCK_T_DISCARD ? 0 : 1) || sectors > CLEARED) return BLOCK_S_UNSUPP;
  if (!isOnDisk(own, sector, sectors * SECTOR)) return BLOCK_S_IOERR;
  own.at = sector * SECTOR;
  own.bytes = sectors * SECTOR;
  return BLOCK_S_OK;
}

/** Moves up to `most` bytes; returns how many. */
function move(own: BlockDevice, most: u64): u64 {
  const bytes = min<u64>(most, own.bytes - own.done);
  const isRead = own.request == BLOCK_T_IN;
  const cursor = isRead ? chains.writable(own.chain, 0) : chains.readable(own.chain, 0);
  chains.skip(cursor, isRead ? own.done : own.done + BLOCK_HEADER);
  for (let left = bytes; left != 0; ) {
    const at = own.at + own.done;
    const part = disks.inBlock(at, left);
    if (isRead) chains.write(cursor, disks.find(own.disk, at), part);
    else if (own.request == BLOCK_T_OUT) chains.read(cursor, disks.own(own.disk, at, part), part);
    else disks.zero(own.disk, at, part);
    own.done += part;
    left -= part;
  }
  return bytes;
}

function putSerial(own: BlockDevice): void {
  const to = chains.writable(own.chain, 0);
  for (let at: u32 = 0; at < (own.bytes as u32); at++)
    chains.put(to, load<u8>(changetype<usize>(own) + at, offsetof<BlockDevice>("serial0")), 1);
}

/** Ends a request with a status, in the last byte that the driver has for the device. */
function end(queue: Virtqueue, own: BlockDevice, status: u32): void {
  const chain = own.chain;
  const isRead = own.request == BLOCK_T_IN || own.request == BLOCK_T_GET_ID;
  chains.putLast(chain, status);
  // Of a read that ends early, nothing but the status was written for the driver to count on.
  queues.give(queue, chain.head, isRead && status == BLOCK_S_OK ? ((own.bytes + 1) as u32) : 1);
  own.busy = 0;
}

/** Takes the next request; false: there is none. One that has no header or no status breaks the device. */
function take(device: VirtioDevice, queue: Virtqueue, own: BlockDevice): bool {
  if (!queues.take(queue, own.chain)) return false;
  if (own.chain.readableBytes < BLOCK_HEADER || own.chain.writableBytes == 0) {
    queues.broken(device, "virtio device %d: a request of %d bytes without header or status", own.chain.readableBytes);
    return false;
  }
  own.busy = 1;
  const status = begin(own);
  if (status != BLOCK_S_OK) end(queue, own, status);
  else if (own.request == BLOCK_T_GET_ID) {
    putSerial(own);
    own.done = own.bytes;
  }
  return true;
}

/** Does a piece of the requests that wait; true: there is more. The device's lock is held. */
export function kick(device: VirtioDevice): bool {
  const queue = queues.nth(device, REQUESTS);
  const own = ownOf(device);
  if (changetype<usize>(own.disk.board) != 0) return advance(own, REQUESTS_A_PIECE);
  let budget = PIECE;
  let requests: u32 = 0;
  let more: bool;
  do {
    while (budget != 0 && requests < REQUESTS_A_PIECE && (own.busy != 0 || take(device, queue, own))) {
      if (own.busy != 0) {
        budget -= move(own, budget);
        if (own.done == own.bytes) end(queue, own, BLOCK_S_OK);
      }
      requests++;
    }
    queues.show(queue);
    queues.wantKick(queue);
    more = queues.hasMore(queue);
  } while (more && budget != 0 && requests < REQUESTS_A_PIECE);
  return own.busy != 0 || more;
}

/** Nothing is under way any more: what the board's disk still does for it, it does in a slot of its own, and nobody waits for that. */
export function reset(device: VirtioDevice): void {
  const own = ownOf(device);
  if (own.slot != 0) boardBlock.setOwner(own.disk.board, own.slot - 1, 0);
  own.slot = 0;
  own.waits = 0;
  own.busy = 0;
}

// --- slices of the board's disks: one piece of one request at a time is with the disk

/** What a slot does. */
const enum Doing {
  DATA = 0,
  FLUSH = 1,
  /** Nothing: so much was answered at once that the rest has to wait. */
  PAUSE = 2,
}

/** Whether a write is to be on the disk when it is answered: its driver does not flush (5.2.6.2). */
function mustFlush(own: BlockDevice): bool {
  if (own.request == BLOCK_T_FLUSH) return true;
  return own.request == BLOCK_T_OUT && (own.device.taken & BLOCK_F_FLUSH) == 0;
}

/** Gives the board's disk something to do in a slot that was taken. */
function submit(own: BlockDevice, slot: u32, doing: Doing, type: u32, bytes: u64): void {
  own.slot = slot + 1;
  own.doing = doing;
  own.inSlot = bytes as u32;
  boardBlock.setOwner(own.disk.board, slot, changetype<usize>(own));
  const sector = doing == Doing.DATA ? (own.disk.start + own.at + own.done) / SECTOR : 0;
  boardBlock.submit(own.disk.board, slot, type, sector, bytes as u32);
}

/** The next step of the request at hand; false: it has to wait for a slot. */
function step(queue: Virtqueue, own: BlockDevice): bool {
  const board = own.disk.board;
  const left = own.bytes - own.done;
  if (left == 0 && (!mustFlush(own) || boardBlock.writesThrough(board))) {
    end(queue, own, BLOCK_S_OK);
    return true;
  }
  const slot = boardBlock.takeSlot(board);
  if (!boardBlock.isSlot(slot)) return false;
  if (left == 0) {
    submit(own, slot, Doing.FLUSH, BLOCK_T_FLUSH, 0);
    return true;
  }
  const bytes = min<u64>(left, boardBlock.CHUNK);
  if (own.request == BLOCK_T_OUT) {
    const from = chains.readable(own.chain, 0);
    chains.skip(from, own.done + BLOCK_HEADER);
    chains.read(from, boardBlock.dataOf(board, slot), bytes);
  }
  submit(own, slot, Doing.DATA, own.request, bytes);
  return true;
}

/** Waits for a slot, behind those who do already. */
function wait(own: BlockDevice): void {
  if (own.waits != 0) return;
  // 0 is nobody's.
  own.disk.board.tickets = max<u32>(own.disk.board.tickets + 1, 1);
  own.waits = own.disk.board.tickets;
}

/** Who has waited longest for a slot of a disk; null: nobody waits. */
function longestWaiting(board: BoardBlock): BlockDevice {
  let first = changetype<BlockDevice>(0);
  for (let own = changetype<BlockDevice>(board.users); changetype<usize>(own) != 0; own = own.next) {
    if (own.waits == 0) continue;
    if (changetype<usize>(first) == 0 || ((own.waits - first.waits) as i32) < 0) first = own;
  }
  return first;
}

/** Goes on until the disk is at work for this device, or there is nothing to do; true: there may be more, but `most` steps were done. */
function advance(own: BlockDevice, most: u32): bool {
  const queue = queues.nth(own.device, REQUESTS);
  let answered: u32 = 0;
  do {
    while (own.slot == 0 && answered < most && (own.busy != 0 || take(own.device, queue, own))) {
      if (own.busy != 0 && !step(queue, own)) {
        wait(own);
        break;
      }
      answered++;
    }
    queues.show(queue);
    queues.wantKick(queue);
  } while (own.slot == 0 && own.busy == 0 && answered < most && queues.hasMore(queue));
  return own.slot == 0 && answered == most;
}

/** The same where nobody kicks: the board's disk comes back to the rest. */
function goOn(own: BlockDevice): void {
  own.waits = 0;
  if (!queues.runs(own.device) || !advance(own, STEPS)) return;
  const slot = boardBlock.takeSlot(own.disk.board);
  if (boardBlock.isSlot(slot)) submit(own, slot, Doing.PAUSE, BLOCK_T_GET_ID, BLOCK_ID);
  else wait(own);
}

/** The board's disk has done what a device waited for, which goes on when those have that wait for a slot. */
function finish(own: BlockDevice, slot: u32): void {
  const board = own.disk.board;
  const queue = queues.nth(own.device, REQUESTS);
  own.slot = 0;
  own.goesOn = 1;
  if (own.doing == Doing.PAUSE) return;
  const status = boardBlock.statusOf(board, slot);
  if (status != BLOCK_S_OK || own.doing == Doing.FLUSH) {
    end(queue, own, status == BLOCK_S_OK ? BLOCK_S_OK : BLOCK_S_IOERR);
    return;
  }
  if (own.request == BLOCK_T_IN) {
    const to = chains.writable(own.chain, 0);
    chains.skip(to, own.done);
    chains.write(to, boardBlock.dataOf(board, slot), own.inSlot);
  }
  own.done += own.inSlot;
}

/** The board's disk has interrupted. The caller holds no VM's lock. */
export function boardInterrupt(board: BoardBlock): void {
  locks.acquire(board.lock);
  for (let n: u32 = 0; n < boardBlock.SLOTS; n++) {
    const slot = boardBlock.finished(board);
    if (!boardBlock.isSlot(slot)) break;
    const owner = boardBlock.ownerOf(board, slot);
    boardBlock.setOwner(board, slot, 0);
    if (owner != 0) finish(changetype<BlockDevice>(owner), slot);
  }
  for (let n: u32 = 0; n < boardBlock.SLOTS && board.free != 0; n++) {
    const own = longestWaiting(board);
    if (changetype<usize>(own) == 0) break;
    goOn(own);
  }
  for (let own = changetype<BlockDevice>(board.users); changetype<usize>(own) != 0; own = own.next) {
    if (own.goesOn == 0) continue;
    own.goesOn = 0;
    if (own.slot == 0 && own.waits == 0) goOn(own);
  }
  locks.release(board.lock);
  for (let own = changetype<BlockDevice>(board.users); changetype<usize>(own) != 0; own = own.next) signal.interrupt(own.device);
}
