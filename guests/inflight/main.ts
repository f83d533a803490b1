// A guest that is reset, or crashes, in the middle of what its disk and its network device do for it, again and again (`role=victim`); and one beside it, on the
// same disk of the board's and on the same switch, that works and sends all the while (`role=neighbour`). In a region that they share is how many lives the
// first has had.

import { SHARED_BASE, RAM_BASE } from "../../build/gen/guest";
import {
  BLOCK_F_FLUSH,
  BLOCK_T_FLUSH,
  BLOCK_T_IN,
  BLOCK_T_OUT,
  DESC_F_WRITE,
  NET_F_MAC,
  NET_HEADER,
  NET_RECEIVE,
  NET_TRANSMIT,
  SECTOR,
  VIRTIO_CONFIG,
} from "../../build/gen/virtio";
import * as block from "../lib/block";
import * as bootargs from "../lib/bootargs";
import * as console from "../lib/console";
import * as access from "../lib/hal/access";
import * as cpu from "../lib/hal/cpu";
import * as mmu from "../lib/mmu";
import * as power from "../lib/power";
import * as score from "../lib/score";
import * as timer from "../lib/timer";
import * as virtio from "../lib/virtio";
import { Queue } from "../lib/virtio";

/** Lives of the victim; the last one ends well. */
const LIVES: u64 = 12;
const NET: u32 = 0;
const DISK: u32 = 1;
const ENTRIES: u32 = 64;

/** In RAM behind the image, and all that is ever written there: rings, headers, data, frames. */
const FROM: u64 = RAM_BASE + 0xa00000;
const DISK_RING: u64 = FROM;
const RECEIVE_RING: u64 = FROM + 0x10000;
const TRANSMIT_RING: u64 = FROM + 0x20000;
const HEADERS: u64 = FROM + 0x30000;
const RECORD: u64 = FROM + 0x40000;
const FRAME: u64 = FROM + 0x50000;
const DATA: u64 = FROM + 0x100000;
const RECEIVED: u64 = FROM + 0x200000;
const END: u64 = FROM + 0x280000;

const REQUEST_BYTES: u32 = 0x10000;
const REQUESTS: u32 = 8;
const RECORD_BYTES: u32 = 4096;
/** Where requests that are cut off read and write: behind the record. */
const SCRATCH_SECTOR: u64 = 256;
const FRAMES: u32 = 8;
const FRAME_BYTES: u32 = 1000;
const RECEIVE_BYTES: u32 = 2048;
/** Microseconds in which what is under way could still come. */
const LATE: u64 = 20000;
/** No IPA of any VM. */
const NOTHING: u64 = 0x30000000;

const disk = changetype<Queue>(memory.data(64, 8));
const receive = changetype<Queue>(memory.data(64, 8));
const transmit = changetype<Queue>(memory.data(64, 8));

export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  power.unexpected(kind, esr, far, elr);
  return elr;
}

/** How many lives are behind the victim; more than there are: it is done. */
function lives(): u64 {
  return access.read64(SHARED_BASE);
}
function setLives(n: u64): void {
  cpu.dsb();
  access.write64(SHARED_BASE, n);
}

/** Whether nothing is in the memory that devices were to write. */
function isClean(): bool {
  for (let at = FROM; at < END; at += 8) if (access.read64(at) != 0) return false;
  return true;
}

function bringUp(): void {
  const storage = virtio.begin(DISK, BLOCK_F_FLUSH);
  virtio.open(disk, storage, 0, ENTRIES, DISK_RING);
  virtio.start(storage);
  const net = virtio.begin(NET, NET_F_MAC);
  virtio.open(receive, net, NET_RECEIVE, ENTRIES, RECEIVE_RING);
  virtio.open(transmit, net, NET_TRANSMIT, ENTRIES, TRANSMIT_RING);
  virtio.start(net);
  // To everybody, from here.
  const low = access.read32(net + VIRTIO_CONFIG) as u64;
  const high = (access.read32(net + VIRTIO_CONFIG + 4) & 0xffff) as u64;
  for (let at: u32 = 0; at < 6; at++) {
    access.write8(FRAME + NET_HEADER + at, 0xff);
    access.write8(FRAME + NET_HEADER + 6 + at, (((low | (high << 32)) >> (at << 3)) & 0xff) as u32);
  }
}

/** A record, whose every word is its number, in a sector; returns whether it is there. */
function writeRecord(sector: u64, number: u64): bool {
  for (let at: u64 = 0; at < RECORD_BYTES; at += 8) access.write64(RECORD + at, number);
  return (
    block.request(disk, HEADERS, BLOCK_T_OUT, sector, RECORD, RECORD_BYTES) &&
    block.request(disk, HEADERS, BLOCK_T_FLUSH, 0, 0, 0)
  );
}
function hasRecord(sector: u64, number: u64): bool {
  if (!block.request(disk, HEADERS, BLOCK_T_IN, sector, RECORD, RECORD_BYTES)) return false;
  for (let at: u64 = 0; at < RECORD_BYTES; at += 8) if (access.read64(RECORD + at) != number) return false;
  return true;
}

function sendFrames(): void {
  for (let n: u32 = 0; n < FRAMES; n++) {
    virtio.describe(transmit, n, FRAME, NET_HEADER + FRAME_BYTES, 0);
    virtio.offer(transmit, n);
  }
  virtio.kick(transmit);
}

/** Reads and writes of 64 KiB each, frames, and room for those of others. */
function beginMuch(): void {
  for (let n: u32 = 0; n < 2 * FRAMES; n++) {
    virtio.describe(receive, n, RECEIVED + n * RECEIVE_BYTES, RECEIVE_BYTES, DESC_F_WRITE);
    virtio.offer(receive, n);
  }
  virtio.kick(receive);
  for (let n: u32 = 0; n < REQUESTS; n++) {
    const type: u32 = (n & 1) == 0 ? BLOCK_T_IN : BLOCK_T_OUT;
    const sector = SCRATCH_SECTOR + n * (REQUEST_BYTES / SECTOR);
    block.offer(disk, 3 * n, HEADERS + 64 * n, type, sector, DATA + n * REQUEST_BYTES, REQUEST_BYTES);
  }
  virtio.kick(disk);
  sendFrames();
}

function victim(): void {
  const life = lives();
  score.holds("new-life-is-clean", isClean());
  timer.sleep(LATE);
  score.holds("nothing-comes-late", isClean());
  score.holds("devices-are-reset", virtio.status(virtio.at(NET)) == 0 && virtio.status(virtio.at(DISK)) == 0);
  bringUp();
  if (life != 0) score.holds("what-was-flushed-is-there", hasRecord(0, life));
  score.holds("disk-works", writeRecord(0, life + 1));
  setLives(life + 1);
  if (life + 1 == LIVES) {
    score.summary("victim");
    return;
  }
  beginMuch();
  // At another moment each time.
  timer.sleep(life * 40);
  if ((life & 1) == 0) power.reset();
  power.crash(NOTHING);
}

/** Works until the victim is done. */
function neighbour(): void {
  bringUp();
  let right = true;
  let rounds: u64 = 0;
  for (; lives() < LIVES; rounds++) {
    const sector = (rounds & 63) * (RECORD_BYTES / SECTOR);
    if (!writeRecord(sector, rounds) || !hasRecord(sector, rounds)) right = false;
    sendFrames();
    cpu.relax();
  }
  score.holds("neighbour-is-undisturbed", right && rounds != 0);
  score.summary("neighbour");
}

export function main(fdt: u64): void {
  console.init();
  mmu.init();
  if (bootargs.is("role", "victim")) victim();
  else neighbour();
  power.off();
}
