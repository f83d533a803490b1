// A guest that writes to its disk for ever: record n, a block whose every word is n, goes to block n modulo BLOCKS, and is flushed; then its number is printed, and
// by then it has to be on the disk. Its command line says with which record it begins (`from`).

import { BLOCK_F_FLUSH, BLOCK_T_FLUSH, BLOCK_T_OUT, SECTOR } from "../../build/gen/virtio";
import * as bootargs from "../lib/bootargs";
import * as block from "../lib/block";
import * as console from "../lib/console";
import * as access from "../lib/hal/access";
import * as image from "../lib/hal/image";
import * as mmu from "../lib/mmu";
import * as power from "../lib/power";
import * as virtio from "../lib/virtio";
import { Queue } from "../lib/virtio";

const BLOCK: u32 = 4096;
const BLOCKS: u64 = 64;

const queue = changetype<Queue>(memory.data(64, 8));

export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  power.unexpected(kind, esr, far, elr);
  return elr;
}

function memoryAt(offset: u64): u64 {
  return ((image.end() + 0xfffff) & ~(0xfffff as u64)) + 0x100000 + offset;
}

/** One request, waited for. */
function request(type: u32, sector: u64, bytes: u32): void {
  if (block.request(queue, memoryAt(0x8000), type, sector, memoryAt(0x10000), bytes)) return;
  console.line("disk", "WRONG: request %d at sector %d has failed", type, sector);
  power.off();
}

export function main(fdt: u64): void {
  console.init();
  mmu.init();
  const base = virtio.begin(0, BLOCK_F_FLUSH);
  virtio.open(queue, base, 0, 16, memoryAt(0));
  virtio.start(base);
  for (let n = bootargs.number("from", 1); ; n++) {
    for (let at: u64 = 0; at < BLOCK; at += 8) access.write64(memoryAt(0x10000) + at, n);
    request(BLOCK_T_OUT, (n % BLOCKS) * (BLOCK / SECTOR), BLOCK);
    request(BLOCK_T_FLUSH, 0, 0);
    console.line("written", "%d", n);
  }
}
