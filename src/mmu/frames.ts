// Guests' RAM in frames of 2 MiB: one bit a frame in a map that starts at the hypervisor's own memory. Frames are taken in a row, first fit.

import { Pa } from "../hal/addr";

export const FRAME: u64 = 0x200000;
const FRAME_SHIFT: u32 = 21;
/** The map covers 64 GiB from the base of RAM: RAM behind that is left alone. */
const FRAMES: u32 = 32768;

/** One bit a frame: 1 is free. */
const map: usize = memory.data(4096, 8);
/** Physical address of frame 0, and how many frames are free. */
const origin: usize = memory.data(8, 8);
const freeFrames: usize = memory.data(4, 4);

export function setOrigin(pa: Pa): void {
  store<u64>(origin, pa as u64);
}

function isFree(frame: u32): bool {
  return ((load<u64>(map + ((frame >> 6) << 3)) >> (frame & 63)) & 1) != 0;
}

function mark(frame: u32, free: bool): void {
  if (isFree(frame) == free) return;
  store<u32>(freeFrames, free ? load<u32>(freeFrames) + 1 : load<u32>(freeFrames) - 1);
  const word = map + ((frame >> 6) << 3);
  const bit = (1 as u64) << (frame & 63);
  store<u64>(word, free ? load<u64>(word) | bit : load<u64>(word) & ~bit);
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

/** Takes `bytes` (a multiple of FRAME) in a row; 0 when there is no such row. */
export function take(bytes: u64): Pa {
  const count = (bytes >> FRAME_SHIFT) as u32;
  let run: u32 = 0;
  for (let frame: u32 = 0; frame < FRAMES; frame++) {
    if (run == 0 && (frame & 63) == 0 && load<u64>(map + ((frame >> 6) << 3)) == 0) {
      frame += 63;
      continue;
    }
    run = isFree(frame) ? run + 1 : 0;
    if (run == count) {
      const pa = (load<u64>(origin) + (((frame + 1 - count) as u64) << FRAME_SHIFT)) as Pa;
      setFree(pa, bytes, false);
      return pa;
    }
  }
  return 0 as Pa;
}

/** How many bytes are free in all. */
export function freeBytes(): u64 {
  return (load<u32>(freeFrames) as u64) << FRAME_SHIFT;
}
