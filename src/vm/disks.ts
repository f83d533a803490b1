// The disks in RAM that the manifest names, which VMs have as block devices: reading and writing them. What is written to a disk is kept until the run ends.

import { DISK_BLOCK, DT_BOARD, DT_DISKS, DT_FILE, DT_SIZE, DT_START, DT_WRITABLE, MAX_DISKS } from "../../build/gen/bundle";
import { BLOCK_ID, SECTOR } from "../../build/gen/virtio";
import { BoardBlock } from "../drivers/virtio/block";
import { Pa } from "../hal/addr";
import * as phys from "../hal/phys";
import * as arena from "../lib/arena";
import * as fdt from "../lib/fdt";
import { crash } from "../log/halt";
import * as bundle from "./bundle";
import { tree } from "./bundle";
import { Disk } from "./virtio-records";

const BLOCK: u64 = DISK_BLOCK;

@unmanaged
class Disks {
  count: u32;
  first: Disk;
}
const disks = changetype<Disks>(memory.data(8, 4));

export function count(): u32 {
  return disks.count;
}
export function nth(n: u32): Disk {
  return changetype<Disk>(changetype<usize>(disks.first) + n * offsetof<Disk>());
}

/** Reads the manifest's. At boot, once. */
export function read(): void {
  disks.count = bundle.countOf(0, DT_DISKS, MAX_DISKS, "the bundle is corrupt: more than %d disks");
  disks.first = changetype<Disk>(arena.take(offsetof<Disk>() * disks.count, 8));
  let node = bundle.firstOf(0, DT_DISKS);
  for (let n: u32 = 0; n < disks.count; n++) {
    const disk = nth(n);
    disk.writable = bundle.has(node, DT_WRITABLE);
    disk.bytes = bundle.number(node, DT_SIZE);
    if (bundle.has(node, DT_BOARD) != 0) {
      readSlice(disk, node);
      node = bundle.nextOf(node);
      continue;
    }
    if (disk.bytes == 0 || (disk.bytes & (BLOCK - 1)) != 0 || disk.bytes > MOST)
      crash("the bundle is corrupt: a disk of 0x%x bytes", disk.bytes);
    const file = bundle.payload(node, DT_FILE, changetype<usize>(disk) + offsetof<Disk>("file"));
    const whole = (disk.fileBytes & (BLOCK - 1)) == 0 && disk.fileBytes <= disk.bytes;
    // Marked until it has its memory (`give`).
    disk.blocks = disk.writable;
    if (!whole || (disk.blocks == 0 && disk.fileBytes != disk.bytes) || (file && disk.fileBytes == 0))
      crash("the bundle is corrupt: a file of %d bytes for a disk of %d", disk.fileBytes, disk.bytes);
    node = bundle.nextOf(node);
  }
}

/** A slice of a disk of the board's, of which nothing is known yet. Without a size it goes to the end. */
function readSlice(disk: Disk, node: u32): void {
  const serial = fdt.property(tree, node, DT_BOARD);
  disk.serial = fdt.value(tree, serial) as u64;
  disk.serialBytes = fdt.length(tree, serial);
  disk.start = bundle.number(node, DT_START);
  const wholeBytes = disk.bytes == bundle.MISSING || (disk.bytes != 0 && (disk.bytes & (SECTOR - 1)) == 0);
  if (!wholeBytes || (disk.start & (SECTOR - 1)) != 0 || disk.serialBytes == 0)
    crash("the bundle is corrupt: a slice of a disk from 0x%x, of 0x%x bytes", disk.start, disk.bytes);
}

/** Whether a disk is a slice of one of the board's. */
export function isSlice(disk: Disk): bool {
  return disk.serial != 0;
}

/** Whether the board's disk with that serial number, zeros behind it, is the one that a slice is of. */
export function isOf(disk: Disk, board: BoardBlock): bool {
  for (let n: u32 = 0; n < BLOCK_ID; n++) {
    const own: u32 = n < disk.serialBytes ? phys.read8((disk.serial + n) as Pa) : 0;
    if (own != (load<u8>(changetype<usize>(board) + n, offsetof<BoardBlock>("serial0")) as u32)) return false;
    if (own == 0) return true;
  }
  return true;
}

/** A slice whose disk is not there is an empty one. */
export function leaveEmpty(disk: Disk): void {
  disk.bytes = 0;
}

/** Gives a slice its disk; false: it would lie outside. */
export function connect(disk: Disk, board: BoardBlock): bool {
  if (disk.start > board.bytes) return false;
  const rest = board.bytes - disk.start;
  if (disk.bytes == bundle.MISSING) disk.bytes = rest;
  if (disk.bytes > rest) return false;
  disk.board = board;
  return true;
}

/** The most that the map of frames covers. */
const MOST: u64 = (64 as u64) << 30;

/** What a disk takes of RAM, in bytes: its blocks, and one bit for each of those of the file; 0 if it is read-only, or the board's. */
export function memoryOf(disk: Disk): u64 {
  return disk.blocks == 0 ? 0 : disk.bytes + mapBytes(disk);
}
function mapBytes(disk: Disk): u64 {
  return ((((disk.fileBytes / BLOCK + 63) >> 6) << 3) + BLOCK - 1) & ~(BLOCK - 1);
}

/** Gives a writable disk its memory, whose bytes are zero. At boot, once. */
export function give(disk: Disk, pa: Pa): void {
  disk.blocks = pa as u64;
  disk.written = (pa as u64) + disk.bytes;
}

// --- blocks. `at` and `bytes` lie in the disk

/** Whether the block at `at` is still the file's. */
function isOfFile(disk: Disk, at: u64): bool {
  if (at >= disk.fileBytes) return false;
  if (disk.blocks == 0) return true;
  const block = at / BLOCK;
  return ((phys.read64((disk.written + ((block >> 6) << 3)) as Pa) >> (block & 63)) & 1) == 0;
}

/** How many of `bytes` from `at` on lie in one block. */
export function inBlock(at: u64, bytes: u64): u64 {
  return min<u64>(bytes, BLOCK - (at & (BLOCK - 1)));
}

/** Where bytes of one block are found. */
export function find(disk: Disk, at: u64): Pa {
  return ((isOfFile(disk, at) ? disk.file : disk.blocks) + at) as Pa;
}

/** Where `bytes` of one block of a writable disk are written: the block is a copy of the file's from now on. */
export function own(disk: Disk, at: u64, bytes: u64): Pa {
  if (isOfFile(disk, at)) {
    const start = at & ~(BLOCK - 1);
    if (bytes != BLOCK) phys.copy((disk.blocks + start) as Pa, (disk.file + start) as Pa, BLOCK);
    const word = (disk.written + (((start / BLOCK) >> 6) << 3)) as Pa;
    phys.write64(word, phys.read64(word) | ((1 as u64) << ((start / BLOCK) & 63)));
  }
  return (disk.blocks + at) as Pa;
}

/** Makes `bytes` of one block zero: whole sectors. */
export function zero(disk: Disk, at: u64, bytes: u64): void {
  const pa = own(disk, at, bytes);
  if (bytes == BLOCK) phys.zero(pa, BLOCK);
  else for (let n: u64 = 0; n < bytes; n += 8) phys.write64(((pa as u64) + n) as Pa, 0);
}
