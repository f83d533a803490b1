// Memory: every frame is free or owned once, every page for tables is free or reachable from one root, and nothing is lost. The core's books are compared
// with what stage 2 shows whenever that has changed and nothing is under way: no CPU is in the core, no VM is half taken apart.

import { layout } from "../../abi/layout.ts";
import { Absent, Violation } from "../faults.ts";
import type { Bank } from "../ram.ts";
import { bit, hex } from "../words.ts";
import { type Book, FRAMES } from "./book.ts";
import { nameOf, type Owners } from "./owners.ts";

const FRAME = 2 ** 21;
const PAGE = 4096;
/** XN of a stage-2 descriptor. */
const EXECUTE_NEVER = 54;

interface Board {
  readonly banks: readonly Bank[];
  readonly owners: Owners;
  /** Undefined: this core has none. */
  readonly book: () => Book | undefined;
}

export class Ledger {
  readonly #board: Board;
  /** `owners.changes` when the books were last looked at. */
  #seen = 0;
  /** Frames that no VM has for itself, and that were not free at the first look: of the bundle, the system, and what the board reserves. */
  #kept: Set<number> | undefined;
  /** Numbers of the frames that are RAM for VMs. */
  #ram: number[] = [];

  constructor(board: Board) {
    this.#board = board;
  }

  /** Something has changed that the books say. */
  get isDue(): boolean {
    return this.#board.owners.changes !== this.#seen;
  }

  /** Looks at the books, unless a VM is being taken apart. No CPU is in the core. */
  check(): void {
    const { owners } = this.#board;
    if (owners.spaces.some(({ isShrinking }) => isShrinking)) return;
    this.#seen = owners.changes;
    this.close();
  }

  /** Looks at the books when a run has come to its end, no VM being destroyed: nothing is under way any more. */
  close(): void {
    const found = this.#board.book();
    if (found === undefined) return;
    this.#kept ??= this.#open(found);
    this.#checkFrames(found, this.#kept);
    this.#checkTables(found);
  }

  /** What a controller is told is free, in bytes of RAM and in pages for tables, is what the books say. */
  requireFree(bytes: bigint, pages: bigint): void {
    const found = this.#board.book();
    if (found === undefined) return;
    const { pool } = found;
    const frames = found.free().length;
    const right = [BigInt(frames * FRAME), BigInt(pool.pages - pool.used + pool.returned.length)];
    if (bytes !== right[0] || pages !== right[1])
      throw new Violation(
        `a controller is told that ${bytes} bytes and ${pages} tables are free, and ${right[0]} and ${right[1]} are`,
      );
  }

  /** The first look. */
  #open(book: Book): Set<number> {
    const { banks, owners } = this.#board;
    const own = Math.min(...banks.map(({ base }) => base)) + layout.HYP_SIZE;
    this.#ram = banks.flatMap(({ base, size }) => {
      const first = Math.max(0, Math.ceil((Math.max(base, own) - book.origin) / FRAME));
      const end = Math.min(FRAMES, Math.floor((base + size - book.origin) / FRAME));
      return Array.from({ length: Math.max(0, end - first) }, (_, n) => first + n);
    });
    const ram = new Set(this.#ram);
    for (const frame of book.free()) {
      if (ram.has(frame)) continue;
      const at = book.origin + frame * FRAME;
      const isThere = banks.some(({ base, size }) => at < base + size && at + FRAME > base);
      // Where the board has nothing, the device tree has lied.
      throw new (isThere ? Violation : Absent)(`the frame at ${hex(at)} is free, but no RAM for VMs`);
    }
    // What belongs to the system, and is taken once, is never executable (isolation.ts).
    const isOwn = (frame: number): boolean =>
      owners.inFrame(book.origin + frame * FRAME).some(({ descriptor }) => !bit(descriptor, EXECUTE_NEVER));
    return new Set(this.#ram.filter((frame) => !book.isFree(frame) && !isOwn(frame)));
  }

  #checkFrames({ origin, isFree }: Book, kept: Set<number>): void {
    for (const frame of this.#ram) {
      const pa = origin + frame * FRAME;
      const owner = this.#board.owners.inFrame(pa)[0];
      if (isFree(frame) && owner !== undefined)
        throw new Violation(
          `the frame at ${hex(pa)} is free in the core's map, and ${nameOf(owner.space)} has it at ${hex(owner.ipa)}`,
        );
      if (isFree(frame) && kept.has(frame))
        throw new Violation(`the frame at ${hex(pa)} is free in the core's map, and was never anybody's`);
      if (!isFree(frame) && owner === undefined && !kept.has(frame))
        throw new Violation(`the frame at ${hex(pa)} is lost: nobody has it, and it is not free in the core's map`);
    }
  }

  #checkTables({ pool: { base, used, returned } }: Book): void {
    const { owners } = this.#board;
    const back = new Set(returned);
    if (back.size !== returned.length) throw new Violation("a page for tables was given back twice");
    for (let page = 0; page < used; page++) {
      const at = base + page * PAGE;
      const isTable = owners.isTable(at);
      if (isTable && back.has(page)) throw new Violation(`the page at ${hex(at)} is free in the core's pool, and a table`);
      if (!isTable && !back.has(page))
        throw new Violation(`the page at ${hex(at)} is lost: it is no table, and not free in the core's pool`);
      if (isTable && !owners.isLinked(at) && owners.spaceAt(at) === undefined)
        throw new Violation(`the table at ${hex(at)} is lost: nothing leads to it`);
    }
    // One stage 2 has nothing: that of a CPU whose VM is taken down.
    const empty = owners.spaces.filter(({ mappings }) => mappings.size === 0);
    if (empty.length > 1)
      throw new Violation(`the first table at ${hex(empty.at(-1)?.root ?? 0)} is lost: it maps nothing for nobody`);
  }
}
