// Whose a piece of physical memory is: that of the VM whose stage 2 maps it, from the moment a leaf is written to the moment no TLB may hold it any more.
// Kept from the entries themselves, as the architecture reads them (Arm ARM D8.3.1), without a look at what the core believes. A frame has one owner;
// what several VMs see is a shared region that the bundle names, and no VM sees the hypervisor's memory, or a device.

import { layout } from "../../abi/layout.ts";
import { Violation } from "../faults.ts";
import type { Ram } from "../ram.ts";
import { bit, bits, hex } from "../words.ts";

const FRAME = 2 ** 21;
const ENTRIES = 512;
const sizeAt = (level: number): number => 4096 * ENTRIES ** (3 - level);

/** A leaf of a stage 2. */
export interface Mapping {
  readonly space: Space;
  readonly ipa: number;
  readonly pa: number;
  readonly bytes: number;
  readonly descriptor: bigint;
}

/** A stage 2, by its first table. */
export interface Space {
  readonly root: number;
  /** By the address of the entry. */
  readonly mappings: Map<number, Mapping>;
  /** The VM that has run in it. */
  vm: number | undefined;
  /** A leaf has changed, or EL2 has written to what it maps, since it was last found to be as the bundle says. */
  isChanged: boolean;
  isWritten: boolean;
  /** It is being taken apart: a leaf has gone. */
  isShrinking: boolean;
}

/** Memory that nobody may have. */
export interface Kept {
  readonly what: string;
  readonly pa: number;
  readonly bytes: number;
}

interface Table {
  readonly at: number;
  readonly level: number;
  parent: { readonly table: Table; readonly index: number } | undefined;
  readonly children: Map<number, Table>;
  /** Of a first table. */
  readonly space: Space | undefined;
}

/** What is on its way out of TLBs (sim/order.ts). */
interface Leaving {
  /** Whether the entry at an address was valid, and something of it may still be in a TLB. */
  isLeaving(address: number): boolean;
}

export const nameOf = ({ vm, root }: Space): string => (vm === undefined ? `the stage 2 at ${hex(root)}` : `VM ${vm}`);

const overlap = (a: Kept | Mapping, b: Kept | Mapping): boolean => a.pa < b.pa + b.bytes && b.pa < a.pa + a.bytes;

export class Owners {
  readonly #ram: Ram;
  readonly #order: Leaving;
  readonly #tables = new Map<number, Table>();
  readonly #spaces = new Map<number, Space>();
  readonly #byFrame = new Map<number, Mapping[]>();
  /** What was mapped by the entry at an address, and which table it pointed at, while a TLB may hold that. */
  readonly #leaves = new Map<number, Mapping>();
  readonly #links = new Map<number, number>();
  readonly #kept: Kept[];
  /** Who shares what is for the bundle to say (isolation.ts). */
  mayShare: (one: Mapping, other: Mapping) => boolean = () => true;
  /** How often something has changed. */
  changes = 0;

  constructor(ram: Ram, order: Leaving) {
    this.#ram = ram;
    this.#order = order;
    const base = Math.min(...ram.banks.map((bank) => bank.base));
    this.#kept = [{ what: "the hypervisor's own memory", pa: base, bytes: layout.HYP_SIZE }];
  }

  /** Nobody may have a range from now on. */
  keep(kept: Kept): void {
    this.#kept.push(kept);
  }

  get spaces(): Space[] {
    return [...this.#spaces.values()];
  }
  spaceAt(root: number): Space | undefined {
    return this.#spaces.get(root);
  }
  isTable(at: number): boolean {
    return this.#tables.has(at);
  }
  /** A table that hangs below another one. */
  isLinked(at: number): boolean {
    return this.#tables.get(at)?.parent !== undefined;
  }

  /** The mappings of something of a frame. */
  inFrame(pa: number): readonly Mapping[] {
    return this.#byFrame.get(pa / FRAME) ?? [];
  }

  /** The mappings of a range of physical memory. */
  in(pa: number, bytes: number): Mapping[] {
    const found = new Set<Mapping>();
    for (let frame = Math.floor(pa / FRAME); frame * FRAME < pa + bytes; frame++) {
      for (const one of this.#byFrame.get(frame) ?? []) if (one.pa < pa + bytes && pa < one.pa + one.bytes) found.add(one);
    }
    return [...found];
  }

  // --- tables

  /** A page becomes a table. */
  format(at: number, level: number): void {
    const flags = { isChanged: true, isWritten: true, isShrinking: false };
    const space: Space | undefined = level === 1 ? { root: at, mappings: new Map(), vm: undefined, ...flags } : undefined;
    this.#tables.set(at, { at, level, parent: undefined, children: new Map(), space });
    if (space !== undefined) this.#spaces.set(at, space);
    this.changes++;
  }

  /** A table becomes a mere page. */
  release(at: number): void {
    for (const [entry, table] of this.#links) {
      if (!this.#order.isLeaving(entry)) this.#links.delete(entry);
      else if (table === at) throw new Violation(`the table at ${hex(at)} is given back while a TLB may still lead to it`);
    }
    for (const [entry, mapping] of this.#leaves) {
      if (entry < at || entry >= at + 4096) continue;
      if (this.#order.isLeaving(entry))
        throw new Violation(
          `the table at ${hex(at)} is given back while a TLB may hold what it mapped of ${nameOf(mapping.space)}`,
        );
      this.#leaves.delete(entry);
    }
    this.#tables.delete(at);
    this.#spaces.delete(at);
    this.changes++;
  }

  /** An entry of a table changes. */
  change(at: number, index: number, old: bigint, fresh: bigint): void {
    const table = this.#tables.get(at);
    if (table === undefined || old === fresh) return;
    this.changes++;
    this.#remove(table, index, old);
    if (!bit(fresh, 0)) return;
    const output = bits(fresh, 47, 12) * 4096;
    if (table.level < 3 && bit(fresh, 1)) this.#link(table, index, output);
    else this.#add(table, index, fresh, output);
  }

  #link(table: Table, index: number, at: number): void {
    const child = this.#tables.get(at);
    if (child === undefined)
      throw new Violation(`entry ${index} of the table at ${hex(table.at)} leads to ${hex(at)}, which is none`);
    table.children.set(index, child);
    child.parent = { table, index };
    this.#below(child, (one, n, entry) => this.#add(one, n, entry, bits(entry, 47, 12) * 4096));
  }

  #remove(table: Table, index: number, old: bigint): void {
    const child = table.children.get(index);
    const entry = table.at + 8 * index;
    if (child === undefined) {
      if (bit(old, 0)) this.#drop(table, entry);
      return;
    }
    this.#below(child, (one, n) => this.#drop(one, one.at + 8 * n));
    table.children.delete(index);
    child.parent = undefined;
    if (this.#order.isLeaving(entry)) this.#links.set(entry, child.at);
  }

  /** Calls `visit` for every leaf below a table. */
  #below(table: Table, visit: (table: Table, index: number, entry: bigint) => void): void {
    // One that was just made, or is taken out empty.
    if (this.#ram.isZero(table.at, 8 * ENTRIES)) return;
    for (let index = 0; index < ENTRIES; index++) {
      const child = table.children.get(index);
      const entry = this.#ram.read(table.at + 8 * index, 8);
      if (child !== undefined) this.#below(child, visit);
      else if (bit(entry, 0)) visit(table, index, entry);
    }
  }

  /** The stage 2 that a table belongs to, and the first IPA that it stands for there. */
  #placeOf(table: Table): { space: Space; ipa: number } | undefined {
    if (table.space !== undefined) return { space: table.space, ipa: 0 };
    const above = table.parent && this.#placeOf(table.parent.table);
    if (table.parent === undefined || above === undefined) return undefined;
    return { space: above.space, ipa: above.ipa + table.parent.index * sizeAt(table.parent.table.level) };
  }

  // --- leaves

  #add(table: Table, index: number, descriptor: bigint, pa: number): void {
    const place = this.#placeOf(table);
    if (place === undefined) return;
    const bytes = sizeAt(table.level);
    const mapping: Mapping = { space: place.space, ipa: place.ipa + index * bytes, pa, bytes, descriptor };
    this.#requireGuests(mapping);
    this.#requireGone(mapping);
    this.#requireAlone(mapping);
    place.space.mappings.set(table.at + 8 * index, mapping);
    place.space.isChanged = true;
    for (let at = pa; at < pa + bytes; at += FRAME) {
      const frame = Math.floor(at / FRAME);
      const all = this.#byFrame.get(frame);
      if (all === undefined) this.#byFrame.set(frame, [mapping]);
      else all.push(mapping);
    }
  }

  #drop(table: Table, entry: number): void {
    const space = this.#placeOf(table)?.space;
    const mapping = space?.mappings.get(entry);
    if (space === undefined || mapping === undefined) return;
    space.mappings.delete(entry);
    space.isChanged = true;
    space.isShrinking = true;
    for (let at = mapping.pa; at < mapping.pa + mapping.bytes; at += FRAME) {
      const frame = Math.floor(at / FRAME);
      const all = this.#byFrame.get(frame) ?? [];
      all.splice(all.indexOf(mapping), 1);
      if (all.length === 0) this.#byFrame.delete(frame);
    }
    if (this.#order.isLeaving(entry)) this.#leaves.set(entry, mapping);
  }

  /** It is RAM of the board, and not the hypervisor's own. */
  #requireGuests(mapping: Mapping): void {
    const { space, ipa, pa, bytes } = mapping;
    const kept = this.#kept.find((one) => overlap(one, mapping));
    const isRam = this.#ram.banks.some(({ base, size }) => pa >= base && pa + bytes <= base + size);
    if (kept === undefined && isRam) return;
    throw new Violation(`${nameOf(space)} is given ${hex(pa)} at ${hex(ipa)}: that is ${kept?.what ?? "no RAM"}`);
  }

  /** No TLB leads another VM to it. */
  #requireGone(mapping: Mapping): void {
    for (const [entry, old] of this.#leaves) {
      if (!this.#order.isLeaving(entry)) this.#leaves.delete(entry);
      else if (old.space !== mapping.space && overlap(old, mapping))
        throw new Violation(
          `${nameOf(mapping.space)} is given ${hex(mapping.pa)} while a TLB may still lead ${nameOf(old.space)} to it`,
        );
    }
  }

  /** Nobody else has it, unless they share it. */
  #requireAlone(mapping: Mapping): void {
    for (const other of this.in(mapping.pa, mapping.bytes)) {
      if (this.mayShare(mapping, other)) continue;
      const owner = other.space === mapping.space ? "it has" : `${nameOf(other.space)} has`;
      throw new Violation(
        `${nameOf(mapping.space)} is given ${hex(mapping.pa)} at ${hex(mapping.ipa)}: ${owner} that at ${hex(other.ipa)}`,
      );
    }
  }
}
