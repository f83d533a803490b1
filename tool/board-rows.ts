// Whether what wants its RAM in one piece finds it on QEMU's board: the bundle lies in the middle and splits what is free into two rows. Frames are
// taken here as the core takes them at boot (src/mmu/frames.ts, src/vm/create.ts): all that is refused here, it would refuse.

import { layout } from "../abi/layout.ts";
import { virtBoard } from "../abi/virt-board.ts";
import type { Mistake } from "./config/mistakes.ts";
import { rules } from "./config/rules.ts";
import type { System } from "./config/schema.ts";
import { memoryOf, type PlacedDisk } from "./disks.ts";
import { alignUp, MIB } from "./size.ts";

const FRAME = 2 * MIB;
/** Frames of a block of 1 GiB. */
const BLOCK = 512;
/** Where QEMU puts an initrd in 256 MiB of RAM and more (hw/arm/boot.c), and where the ROM expects the bundle. */
const BUNDLE = layout.ROM_BUNDLE - virtBoard.VIRT_RAM;

const framesIn = (bytes: number): number => alignUp(bytes, FRAME) / FRAME;

/** Frames that are free, by their numbers: rows in ascending order, each without its end. */
class FreeRows {
  #rows: { readonly from: number; readonly end: number }[];

  constructor(memory: number, bundleSize: number) {
    const end = Math.floor(memory / FRAME);
    this.#rows = [
      { from: layout.HYP_SIZE / FRAME, end: BUNDLE / FRAME },
      { from: framesIn(BUNDLE + bundleSize), end },
    ];
  }

  get longest(): number {
    return Math.max(0, ...this.#rows.map(({ from, end }) => end - from));
  }

  /** How many frames were taken: `count` in the first row that has them, else all of the longest row if `pieces` will do, else none. */
  take(count: number, pieces: boolean): number {
    const block = count >= BLOCK && this.#takeAt(count, BLOCK);
    if (block || this.#takeAt(count, 1)) return count;
    const most = this.longest;
    return pieces && most > 0 && this.#takeAt(most, 1) ? most : 0;
  }

  #takeAt(count: number, align: number): boolean {
    const row = this.#rows.find(({ from, end }) => alignUp(from, align) + count <= end);
    if (row === undefined) return false;
    const from = alignUp(row.from, align);
    const left = [
      { from: row.from, end: from },
      { from: from + count, end: row.end },
    ];
    this.#rows = this.#rows.flatMap((other) => (other === row ? left.filter((part) => part.from < part.end) : [other]));
    return true;
  }
}

/** The mistakes of a system that is right else, and whose sizes fit into its board. */
export const checkBoardRows = (system: System, bundleSize: number, disks: readonly PlacedDisk[]): Mistake[] => {
  const free = new FreeRows(system.board.memory, bundleSize);
  const mistakes: Mistake[] = [];
  const takeRow = (frames: number, place: string): void => {
    const left = free.longest;
    if (free.take(frames, false) === 0) {
      mistakes.push({ place, rule: rules.NO_ROW(`${frames * 2} MiB`, `${left * 2} MiB`) });
    }
  };
  // The pages of stolen time.
  free.take(1, false);
  for (const [index, { size }] of system.shared.entries()) takeRow(framesIn(size), `shared[${index}]`);
  for (const [index, { capture = 0 }] of system.switches.entries())
    if (capture > 0) takeRow(framesIn(capture), `switches[${index}].capture`);
  for (const [index, disk] of disks.entries()) if (memoryOf(disk) > 0) takeRow(framesIn(memoryOf(disk)), `disks[${index}]`);
  for (const [id, vm] of system.vms.entries()) {
    // What is free when another VM starts this one cannot be known.
    if (!vm.autostart) continue;
    for (const [index, { ipa, size }] of vm.regions.entries()) {
      takeRow(framesIn((ipa % FRAME) + size), `vms[${id}].regions[${index}]`);
    }
    let wanted = vm.memory / FRAME;
    for (let taken = 1; wanted > 0 && taken > 0; wanted -= taken) taken = free.take(wanted, true);
  }
  return mistakes;
};
