// The checks of the HAL (metal/hal.h), kept by the simulator as strictly: guest memory in its range, stage-2 tables by level, leaves inside RAM
// that was given to guests, stage 1 closed after boot. A call that fails one ends the run as BRK does on the board.

import { calls, firmwareCalls } from "../abi/calls.ts";
import { layout } from "../abi/layout.ts";
import { el2Controls, hcrRules } from "../abi/sysregs.ts";
import { type Symbols, stage1Tables } from "../tool/chain/stage1.ts";
import { Violation } from "./faults.ts";
import type { Order } from "./order.ts";
import type { Ram } from "./ram.ts";
import { Owners } from "./sanitizers/owners.ts";
import { type Leaf, type Stage1Registers, walkStage1 } from "./walker.ts";
import { bit, hex, MASK_64, numberOf } from "./words.ts";

const PAGE = 4096;
const ENTRIES = 512;
const MAX_BANKS = 8;
const OUTPUT = 0x0000_ffff_ffff_f000n;
const TABLE = 3n;
/** Bits of a descriptor that say what it is; nothing of ours is contiguous. */
const KIND = (1n << 52n) | 3n;

/** What a violated check of metal/hal.h is called there. */
export type Refusal = "PHYS" | "TABLE" | "TABLE_ENTRY" | "LEAF" | "STAGE1" | "AFTER_LOCK" | "SYSREG" | "SMC" | "CPU";

export const refuse = (why: Refusal, what: string): never => {
  throw new Violation(`REFUSE_${why}: ${what}`);
};

/** The image of the simulated board: its parts as offsets from its start, one after the other. */
const imageSymbols: Symbols = new Map(
  Object.entries({
    rodata_start: 0x2_0000,
    data_start: 0x3_0000,
    stage1_tables: 0x3_1000,
    bss_end: 0x6_0000,
    instance_page: 0x6_0000,
    cpu_stacks: 0x6_1000,
  }).map(([name, offset]) => [name, BigInt(layout.IMAGE_VA + offset)]),
);
const STAGE1_OFFSET = 0x3_1000;
const BUILT_TABLES = stage1Tables(imageSymbols);

const FIRMWARE_CALLS = new Set(
  calls.filter(({ name }) => (firmwareCalls as readonly string[]).includes(name)).map(({ id }) => BigInt(id)),
);

/** A page of the pool as a table. */
interface Table {
  readonly at: number;
  readonly level: number;
  /** The table in which an entry points at it. */
  parent: Table | undefined;
  /** How many of its entries are valid. */
  used: number;
}

export class Door {
  readonly imageStart: number;
  readonly imageEnd: number;
  readonly stage1Base: number;
  /** Whose each piece of memory is. */
  readonly owners: Owners;
  readonly #ram: Ram;
  readonly #order: Order;
  #low = 0;
  #high = layout.PHYS_LIMIT;
  #locked = false;
  readonly #banks: { readonly base: number; readonly end: number }[] = [];
  #pool = 0;
  #poolPages = 0;
  /** The levels of the pages of stage 1 that boot writes: the root, and what it has linked. */
  readonly #stage1Levels = new Map<number, number>([[0, 0]]);
  /** The pages of the pool that are tables. */
  readonly #tables = new Map<number, Table>();
  /** The table in VTTBR_EL2 of each CPU. */
  readonly #roots = new Map<number, number>();
  /** The mappings of stage 1 that were used, the last one first in line; none is ever changed (Order.writeStage1). */
  readonly #leaves: Leaf[] = [];

  constructor(ram: Ram, order: Order, imageStart: number) {
    this.#ram = ram;
    this.#order = order;
    this.owners = new Owners(ram, order);
    this.imageStart = imageStart;
    this.imageEnd = imageStart + layout.WINDOW_OFFSET + layout.WINDOW_PAGES * 0x1_0000;
    this.stage1Base = imageStart + STAGE1_OFFSET;
    // boot.S adds the physical address of the image to what the build made.
    for (let at = 0; at < BUILT_TABLES.length; at += 8) {
      const entry = BUILT_TABLES.readBigUInt64LE(at);
      if (bit(entry, 0)) ram.write(this.stage1Base + at, 8, entry + BigInt(imageStart));
    }
  }

  get isLocked(): boolean {
    return this.#locked;
  }

  /** The registers that boot.S sets: what EL2 translates by. */
  get stage1Registers(): Stage1Registers {
    return { tcr: 0x8080_3510n | (5n << 16n), ttbr0: BigInt(this.stage1Base), mair: 0xff04n, sctlr: 0x30cd_183dn };
  }

  read64(pa: number): bigint {
    return this.#ram.read(pa, 8);
  }

  /** The mapping of EL2 that an address lies in. */
  #leafAt(va: number): Leaf | undefined {
    const leaves = this.#leaves;
    for (let n = 0; n < leaves.length; n++) {
      const leaf = leaves[n]!;
      if (va < leaf.input || va >= leaf.input + leaf.size) continue;
      if (n > 0) {
        leaves[n] = leaves[0]!;
        leaves[0] = leaf;
      }
      return leaf;
    }
    const found = walkStage1(this.stage1Registers, va, (address) => this.read64(address));
    if ("fault" in found) return undefined;
    leaves.push(found);
    return found;
  }

  /** Requires that EL2 reaches [pa, pa + bytes) through the map at `map`, with the given memory type (a byte of MAIR_EL2). */
  requireMapped(map: number, pa: number, bytes: number, memory: number): void {
    this.#order.requireStage1();
    for (let at = pa; at < pa + bytes; ) {
      const leaf = this.#leafAt(map + at);
      if (leaf === undefined) throw new Violation(`EL2 has no mapping for ${hex(at)} in the map at ${hex(map)}`);
      if (leaf.memory !== memory) throw new Violation(`EL2 reaches ${hex(at)} with the wrong memory type`);
      if (leaf.output + (map + at - leaf.input) !== at) throw new Violation(`EL2 maps ${hex(at)} elsewhere`);
      at = leaf.input + leaf.size - map;
    }
  }

  // --- phys

  /** The address of `bytes` bytes of guest memory, checked. */
  phys(at: number, bytes: number): number {
    if (at < this.#low || at >= this.#high || bytes > this.#high - at) {
      return refuse("PHYS", `${bytes} bytes at ${hex(at)} are not in ${hex(this.#low)} to ${hex(this.#high)}`);
    }
    this.requireMapped(layout.PHYS_MAP, at, bytes, 0xff);
    return at;
  }

  /** Whether a range touches the image, its zeroed data or the core's memory. */
  #isOwn(base: number, end: number): boolean {
    return base < this.imageEnd && end > this.imageStart;
  }

  /** Banks come before the pool, which must lie outside of them. */
  addBank(pa: bigint, bytes: bigint): void {
    const full = this.#banks.length === MAX_BANKS || this.#poolPages !== 0;
    if (this.#locked || full) refuse("AFTER_LOCK", "a bank is added after boot, behind the pool, or one too many");
    const bank = { base: Number(pa), end: Number(pa + bytes) };
    if (pa + bytes > MASK_64 || this.#isOwn(bank.base, bank.end))
      refuse("PHYS", "a bank of guests' RAM holds the hypervisor's image");
    this.#banks.push(bank);
  }

  restrict(low: bigint, high: bigint): void {
    if (this.#locked) refuse("AFTER_LOCK", "the range of guest memory is changed after boot");
    if (high < low || this.#isOwn(Number(low), Number(high)))
      refuse("PHYS", "the range of guest memory holds the hypervisor's image");
    this.#low = Number(low);
    this.#high = Number(high);
  }

  // --- table

  setPool(base: bigint, pages: number): void {
    if (this.#locked || this.#poolPages !== 0 || pages > layout.HYP_SIZE / PAGE)
      refuse("AFTER_LOCK", "the pool of tables is named after boot, or twice, or too large");
    const [start, end] = [Number(base), Number(base) + pages * PAGE];
    if (start % PAGE !== 0 || this.#isOwn(start, end))
      refuse("TABLE", "the pool of tables overlaps the image, or is not at a page");
    if (this.#banks.some((bank) => start < bank.end && end > bank.base))
      refuse("TABLE", "the pool of tables is in a bank of guests' RAM");
    this.#pool = start;
    this.#poolPages = pages;
  }

  #page(table: bigint): number {
    const page = (numberOf(table) - this.#pool) / PAGE;
    if (!Number.isInteger(page) || page < 0 || page >= this.#poolPages) refuse("TABLE", `${hex(table)} is no page of the pool`);
    return page;
  }

  /** What a page of the pool is as a table; `undefined`: none. */
  #table(table: bigint): Table | undefined {
    return this.#tables.get(this.#page(table));
  }

  #entry(table: bigint, index: number): { at: number; state: Table } {
    const state = this.#table(table);
    if (index >= ENTRIES || state === undefined) return refuse("TABLE", `entry ${index} of ${hex(table)}, which is no table`);
    const at = numberOf(table) + index * 8;
    this.requireMapped(layout.PHYS_MAP, at, 8, 0xff);
    return { at, state };
  }

  /** A page that is linked, or a root in use, keeps its level: it has to be released first. */
  format(table: bigint, level: number): void {
    const page = this.#page(table);
    if (level < 1 || level > 3 || this.#tables.has(page)) refuse("TABLE", `${hex(table)} made a table of level ${level}`);
    this.requireMapped(layout.PHYS_MAP, Number(table), PAGE, 0xff);
    this.#ram.zero(Number(table), PAGE);
    this.#tables.set(page, { at: Number(table), level, parent: undefined, used: 0 });
    this.owners.format(Number(table), level);
  }

  readEntry(table: bigint, index: number): bigint {
    return this.#ram.read(this.#entry(table, index).at, 8);
  }

  usedEntries(table: bigint): number {
    return this.#table(table)?.used ?? 0;
  }

  /** The first table of the stage 2 that a table belongs to; undefined: it is not linked. */
  #rootOf({ at, level, parent }: Table): number | undefined {
    return parent === undefined ? (level === 1 ? at : undefined) : this.#rootOf(parent);
  }

  #write(at: number, descriptor: bigint, table: Table): void {
    const old = this.#ram.read(at, 8);
    this.#order.writeStage2(at, old, descriptor, this.#rootOf(table));
    this.#ram.write(at, 8, descriptor);
    this.owners.change(table.at, (at - table.at) / 8, old, descriptor);
  }

  #isValid(at: number): boolean {
    return bit(this.#ram.read(at, 8), 0);
  }

  /** A valid entry is cleared before it is written anew. */
  writeTable(table: bigint, index: number, next: bigint): void {
    const { at, state } = this.#entry(table, index);
    const child = this.#table(next);
    if (child === undefined || child.level !== state.level + 1)
      throw refuse("TABLE_ENTRY", `${hex(next)} is no table of level ${state.level + 1}`);
    if (child.parent !== undefined) refuse("TABLE_ENTRY", `${hex(next)} is linked already`);
    if (this.#isValid(at)) refuse("TABLE_ENTRY", `entry ${index} of ${hex(table)} is replaced`);
    child.parent = state;
    state.used++;
    this.#write(at, next | TABLE, state);
  }

  writeLeaf(table: bigint, index: number, descriptor: bigint): void {
    const { at, state } = this.#entry(table, index);
    const bytes = PAGE * ENTRIES ** (3 - state.level);
    const output = Number(descriptor & OUTPUT);
    if ((descriptor & KIND) !== (state.level === 3 ? 3n : 1n) || output % bytes !== 0)
      refuse("LEAF", `${hex(descriptor)} at level ${state.level}`);
    if (!this.#banks.some(({ base, end }) => output >= base && output + bytes <= end)) {
      refuse("LEAF", `${hex(descriptor)} leads to what is not a guest's`);
    }
    if (this.#isValid(at)) refuse("LEAF", `entry ${index} of ${hex(table)} is replaced`);
    state.used++;
    this.#write(at, descriptor, state);
  }

  clearEntry(table: bigint, index: number): void {
    const { at, state } = this.#entry(table, index);
    const old = this.#ram.read(at, 8);
    if (!bit(old, 0)) return;
    const child = state.level < 3 && (old & 3n) === TABLE ? this.#table(old & OUTPUT) : undefined;
    if (child !== undefined) child.parent = undefined;
    state.used--;
    this.#write(at, 0n, state);
  }

  /** Makes a table a mere page again. */
  release(table: bigint): void {
    const state = this.#table(table);
    if (state === undefined || state.parent !== undefined || state.used !== 0)
      refuse("TABLE", `${hex(table)} is released, which is no table, or linked, or not empty`);
    if ([...this.#roots.values()].includes(Number(table))) refuse("TABLE", `${hex(table)} is released, the root of a CPU`);
    this.#tables.delete(this.#page(table));
    this.#order.tlb.release(Number(table));
    this.owners.release(Number(table));
  }

  /** The level of a page as a table, for whoever looks from outside. */
  levelOf(table: number): number | undefined {
    return this.#tables.get((table - this.#pool) / PAGE)?.level;
  }

  // --- sysreg, cpu

  /** Whether a value may be written to a register, by the check that abi/sysregs.ts names. */
  readonly checks = {
    hcr: (value: bigint): boolean => (value & (hcrRules.HCR_REQUIRED | hcrRules.HCR_REFUSED)) === hcrRules.HCR_REQUIRED,
    vtcr: (value: bigint): boolean => (value & ~BigInt(el2Controls.VTCR_OF_CPU)) === BigInt(el2Controls.VTCR_BASE),
    vttbr: (value: bigint, cpu: number): boolean => {
      const root = BigInt.asUintN(48, value);
      this.#roots.set(cpu, numberOf(root));
      return this.#table(root)?.level === 1;
    },
  };

  requireFirmwareCall(id: bigint): void {
    if (!FIRMWARE_CALLS.has(id)) refuse("SMC", `the call ${hex(id)} of the firmware`);
  }

  // --- stage1

  #stage1Entry(page: number, index: number): number {
    if (page >= layout.STAGE1_PAGES || index >= ENTRIES) refuse("STAGE1", `entry ${index} of table ${page}`);
    return this.stage1Base + page * PAGE + index * 8;
  }

  readStage1(page: number, index: number): bigint {
    return this.#ram.read(this.#stage1Entry(page, index), 8);
  }

  writeStage1(page: number, index: number, descriptor: bigint): void {
    if (this.#locked) refuse("AFTER_LOCK", "stage 1 is written after boot");
    const at = this.#stage1Entry(page, index);
    if (this.#ram.read(at, 8) !== 0n) refuse("STAGE1", `entry ${index} of table ${page} is replaced`);
    const level = this.#stage1Levels.get(page) ?? refuse("STAGE1", `table ${page} is not boot's to write`);
    const output = Number(descriptor & OUTPUT);
    if (level < 3 && (descriptor & 3n) === TABLE) {
      const next = (output - this.stage1Base) / PAGE;
      if (next < layout.STAGE1_BUILT || next >= layout.STAGE1_PAGES || this.#stage1Levels.has(next))
        refuse("STAGE1", `${hex(descriptor)} leads to what is no free table`);
      this.#stage1Levels.set(next, level + 1);
    } else {
      const bytes = PAGE * ENTRIES ** (3 - level);
      if (level === 0 || (descriptor & KIND) !== (level === 3 ? 3n : 1n) || output % bytes !== 0)
        refuse("STAGE1", `${hex(descriptor)} at level ${level}`);
      if (!bit(descriptor, 54)) refuse("STAGE1", `${hex(descriptor)} would be executable`);
      if (this.#isOwn(output, output + bytes)) refuse("STAGE1", `${hex(descriptor)} leads into the hypervisor's image`);
    }
    this.#order.writeStage1(this.#ram.read(at, 8), descriptor);
    this.#ram.write(at, 8, descriptor);
  }

  lock(): void {
    this.#locked = true;
    // Table 3 maps the image; its pages that hold the tables become read-only, its own last.
    for (let n = 4; n < layout.STAGE1_PAGES + 4; n++) {
      const at = this.#stage1Entry(3, STAGE1_OFFSET / PAGE + (n % layout.STAGE1_PAGES));
      this.#ram.write(at, 8, this.#ram.read(at, 8) | (1n << 7n));
    }
    this.#leaves.length = 0;
  }
}
