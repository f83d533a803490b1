// Guests' RAM in frames of 2 MiB: one bit a frame in a map that starts at the hypervisor's own memory. Frames are taken in rows.

import { Pa } from "../hal/addr";
import { acquire, release } from "../lib/lock";
import { lock } from "./lock";

export const FRAME: u64 = 0x200000;
const FRAME_SHIFT: u32 = 21;
/** Frames of a block of 1 GiB. */
const BLOCK: u32 = 512;
/** The map covers 64 GiB from the base of RAM: RAM behind that is left alone. */
const FRAMES: u32 = 32768;

/** One bit a frame: 1 is free. */
const map: usize = memory.data(4096, 8);
/** Physical address of frame 0, and how many frames are free. */
const origin: usize = memory.data(8, 8);
const freeFrames: usize = memory.data(4, 4);

/**
 * Frames in a row, as one number:
 *
 *   63                 21 20          0
 *  |  physical address   |  how many   |
 */
export type Row = u64;

export function addressOf(row: Row): Pa {
  return (row & ~(FRAME - 1)) as Pa;
}
export function bytesOf(row: Row): u64 {
  return (row & (FRAME - 1)) << FRAME_SHIFT;
}

/** At boot only, like `setFree`. */
export function setOrigin(pa: Pa): void {
  store<u64>(origin, (pa as u64) & ~(FRAME - 1));
}

function wordOf(frame: u32): usize {
  return map + ((frame >> 6) << 3);
}

function mark(frame: u32, free: bool): void {
  const word = load<u64>(wordOf(frame));
  const bit = (1 as u64) << (frame & 63);
  if (((word & bit) != 0) == free) return;
  store<u32>(freeFrames, free ? load<u32>(freeFrames) + 1 : load<u32>(freeFrames) - 1);
  store<u64>(wordOf(frame), word ^ bit);
}

/** Marks [pa, end): as free, the whole frames in it; as taken, every frame that it touches. What lies outside the map is passed over. */
export function setFree(pa: Pa, bytes: u64, free: bool): void {
  const base = load<u64>(origin);
  const end = (pa as u64) + bytes;
  if (end <= base) return;
  const from = (pa as u64) < base ? 0 : (pa as u64) - base;
  const round = free ? FRAME - 1 : 0;
  let first = (from + round) >> FRAME_SHIFT;
  let last = (end - base + (FRAME - 1 - round)) >> FRAME_SHIFT;
  if (last > FRAMES) last = FRAMES;
  for (; first < last; first++) mark(first as u32, free);
}

/** The first frame from `from` on that is free, or that is not; FRAMES behind the last. */
function nextFrame(from: u32, free: bool): u32 {
  let frame = from;
  while (frame < FRAMES) {
    const word = load<u64>(wordOf(frame));
    const left = (free ? word : ~word) >> (frame & 63);
    if (left != 0) return frame + (ctz<u64>(left) as u32);
    frame = (frame | 63) + 1;
  }
  return FRAMES;
}

/** The first row of `count` frames that starts at a multiple of `align` bytes; else, and `orLess`, the longest that there is; else 0. */
function find(count: u32, align: u64, orLess: bool): Row {
  const base = load<u64>(origin);
  let first: u64 = 0;
  let best: u32 = 0;
  let frame = nextFrame(0, true);
  while (best < count && frame < FRAMES) {
    const end = nextFrame(frame, false);
    const aligned = (base + ((frame as u64) << FRAME_SHIFT) + align - 1) & ~(align - 1);
    const skipped = (aligned - base) >> FRAME_SHIFT;
    const free = skipped < end ? min<u32>(count, end - (skipped as u32)) : 0;
    if (free > best) {
      best = free;
      first = aligned;
    }
    frame = nextFrame(end, true);
  }
  return best == count || orLess ? first | best : 0;
}

/**
 * Takes up to `bytes` (a multiple of FRAME, not 0): all of them in a row where there is one, at a multiple of 1 GiB if that makes blocks of 1 GiB; else
 * the longest row, if `pieces` will do. 0 when there is none.
 */
export function take(bytes: u64, pieces: bool): Row {
  const count = min<u64>(bytes >> FRAME_SHIFT, FRAMES + 1) as u32;
  acquire(lock);
  let row = count >= BLOCK ? find(count, FRAME * BLOCK, false) : 0;
  if (row == 0) row = find(count, FRAME, pieces);
  if (row != 0) setFree(addressOf(row), bytesOf(row), false);
  release(lock);
  return row;
}

/** Gives back whole frames that were taken. */
export function give(pa: Pa, bytes: u64): void {
  acquire(lock);
  setFree(pa, bytes, true);
  release(lock);
}

/** How many bytes are free in all. */
export function freeBytes(): u64 {
  acquire(lock);
  const free = (load<u32>(freeFrames) as u64) << FRAME_SHIFT;
  release(lock);
  return free;
}
