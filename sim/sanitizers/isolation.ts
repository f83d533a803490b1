// Isolation: what a VM reaches is what the bundle gives it, no more and no less; what EL2 reads and writes is memory of the VM that it does that for. Looked
// at when an entry of a stage 2 changes, when EL2 touches guests' memory, and when a guest is entered behind either.

import { guest } from "../../abi/guest.ts";
import { Violation } from "../faults.ts";
import type { Ram } from "../ram.ts";
import type { VirtioDevices } from "../virtio/devices.ts";
import type { Leaf } from "../walker.ts";
import { bit, bits, hex } from "../words.ts";
import { Contents } from "./contents.ts";
import { type Mapping, nameOf, type Owners, type Space } from "./owners.ts";
import { describeSystem, type Range, type SystemDescription } from "./system.ts";

const FRAME = 2 ** 21;
/** MemAttr: Normal, inner and outer write-back; SH: inner shareable (Arm ARM D8.5.5). */
const NORMAL = 0xf;
const INNER_SHAREABLE = 3;
/** The bit that keeps a guest from executing what a leaf maps (D8.4.4). */
const XN = 54;

/** What a CPU has in VTTBR_EL2. */
interface Holder {
  readonly index: number;
  readonly stage2: { readonly vmid: number; readonly root: number };
}

interface Board {
  readonly ram: Ram;
  readonly owners: Owners;
  readonly cpus: () => readonly Holder[];
  /** The CPU that is in the core. */
  readonly acting: () => Holder;
  readonly virtio: VirtioDevices;
}

export class Isolation {
  readonly #board: Board;
  #bundle: { readonly at: number; readonly bytes: Buffer } | undefined;
  #described: SystemDescription | undefined;
  #isDescribed = false;
  /** VMs that have virtio devices. */
  #withDevices: number[] | undefined;
  readonly #contents = new Map<number, Contents>();
  /** Where each shared region and each VM's page of stolen time lies, from the first VM on that had it. */
  readonly #places = new Map<string, number>();
  /** Frames that a VM had. */
  readonly #had = new Set<number>();
  /** A guest has been entered: from then on EL2 has no business with memory that is nobody's. */
  #isBooted = false;
  /** What EL2 has read last. */
  #lastRead: { readonly mapping: Mapping; readonly changes: number } | undefined;

  constructor(board: Board) {
    this.#board = board;
    board.owners.mayShare = (one, other) => this.#mayShare(one, other);
  }

  /** The loader puts a bundle into memory. */
  loadBundle(at: number, bytes: Buffer): void {
    this.#bundle = { at, bytes };
    this.#withDevices = undefined;
    this.#board.owners.keep({ what: "the bundle", pa: at, bytes: bytes.length });
  }

  get system(): SystemDescription | undefined {
    if (this.#bundle !== undefined && !this.#isDescribed) this.#described = describeSystem(this.#bundle.bytes);
    this.#isDescribed = this.#bundle !== undefined;
    return this.#described;
  }

  // --- who has what

  /** What the bundle says of the place where a leaf is, of a VM that has run; undefined: it says nothing. */
  #rangeOf({ space, ipa, bytes }: Mapping): Range | undefined {
    const vm = space.vm === undefined ? undefined : this.system?.vms[space.vm];
    return vm?.ranges.find((range) => ipa >= range.ipa && ipa + bytes <= range.ipa + range.bytes);
  }

  #mayShare(one: Mapping, other: Mapping): boolean {
    const [range, otherRange] = [this.#rangeOf(one), this.#rangeOf(other)];
    const isUnknown = (mapping: Mapping): boolean => mapping.space.vm === undefined || this.system === undefined;
    if (isUnknown(one)) return isUnknown(other) || otherRange?.kind === "shared";
    if (isUnknown(other)) return range?.kind === "shared";
    return range?.kind === "shared" && otherRange?.kind === "shared" && range.index === otherRange.index;
  }

  /** A guest is entered. */
  enter({ vmid, root }: Holder["stage2"]): void {
    const space = this.#board.owners.spaceAt(root);
    this.#isBooted = true;
    if (space === undefined || (!space.isChanged && !space.isWritten && space.vm === vmid - 1)) return;
    this.#bind(space, vmid - 1);
    if (space.isChanged) this.#requireLayout(space);
    if (space.isWritten) this.#requireContents(space);
    space.isChanged = false;
    space.isWritten = false;
  }

  #bind(space: Space, vm: number): void {
    if (space.vm !== undefined && space.vm !== vm) throw new Violation(`VM ${vm} is entered with the stage 2 of VM ${space.vm}`);
    const other = this.#board.owners.spaces.find((one) => one !== space && one.vm === vm);
    if (other !== undefined)
      throw new Violation(`VM ${vm} has a stage 2 at ${hex(space.root)} and another one at ${hex(other.root)}`);
    space.vm = vm;
  }

  // --- what a VM reaches

  #requireLayout(space: Space): void {
    if (this.system === undefined || space.vm === undefined) return;
    const vm = this.system.vms[space.vm];
    if (vm === undefined) throw new Violation(`VM ${space.vm} is entered, which the bundle does not name`);
    const mapped = new Map<Range, number>();
    for (const mapping of space.mappings.values()) {
      const range = this.#rangeOf(mapping);
      if (range === undefined)
        throw new Violation(
          `${nameOf(space)} has ${hex(mapping.bytes)} bytes at ${hex(mapping.ipa)}, where the bundle gives it nothing`,
        );
      this.#requireLeaf(mapping, range);
      mapped.set(range, (mapped.get(range) ?? 0) + mapping.bytes);
    }
    for (const range of vm.ranges) {
      const bytes = mapped.get(range) ?? 0;
      if (bytes !== range.bytes)
        throw new Violation(
          `${nameOf(space)} has ${hex(bytes)} bytes of its ${range.kind} at ${hex(range.ipa)}, the bundle gives it ${hex(range.bytes)}`,
        );
    }
  }

  /** A leaf is as its range says (D8.4.4, D8.5.5), and nobody has what it maps but those who share it. */
  #requireLeaf(mapping: Mapping, range: Range): void {
    const { space, descriptor, ipa, pa, bytes } = mapping;
    const rights = { read: bit(descriptor, 6), write: bit(descriptor, 7), execute: !bit(descriptor, XN) };
    const isRight = rights.read && rights.write === range.write && rights.execute === range.execute;
    const attributes = bits(descriptor, 5, 2) === NORMAL && bits(descriptor, 9, 8) === INNER_SHAREABLE;
    if (!isRight || !attributes)
      throw new Violation(`${nameOf(space)} has its ${range.kind} at ${hex(ipa)} with the descriptor ${hex(descriptor)}`);
    for (const other of this.#board.owners.in(pa, bytes)) {
      if (other !== mapping && !this.#mayShare(mapping, other))
        throw new Violation(
          `${nameOf(space)} has ${hex(pa)} at ${hex(ipa)}, which ${nameOf(other.space)} has at ${hex(other.ipa)}`,
        );
    }
    if (range.kind === "shared") this.#requirePlace(`shared region ${range.index}`, pa - (ipa - range.ipa));
    if (range.kind === "stolen time") this.#requirePlace(`${nameOf(space)}'s page of stolen time`, pa);
  }

  #requirePlace(what: string, pa: number): void {
    const known = this.#places.get(what) ?? pa;
    if (known !== pa) throw new Violation(`${what} is at ${hex(known)}, and now at ${hex(pa)}`);
    this.#places.set(what, pa);
  }

  #requireContents(space: Space): void {
    const vm = space.vm === undefined ? undefined : this.system?.vms[space.vm];
    if (this.system === undefined || vm === undefined || space.vm === undefined) return;
    const contents = this.#contents.get(space.vm) ?? new Contents(vm);
    this.#contents.set(space.vm, contents);
    const { scrubAtBoot } = this.system;
    for (const mapping of space.mappings.values()) {
      const kind = this.#rangeOf(mapping)?.kind;
      if (kind === "shared") continue;
      const isLeft = (pa: number): boolean => kind === "RAM" && !scrubAtBoot && !this.#had.has(Math.floor(pa / FRAME));
      contents.require(nameOf(space), mapping, this.#board.ram, isLeft);
      if (!bit(mapping.descriptor, XN) && this.#board.ram.isStale(mapping.pa, mapping.bytes))
        throw new Violation(
          `${nameOf(space)} starts, and instruction caches may hold what was at ${hex(mapping.ipa)} before it was loaded`,
        );
    }
    for (const { pa, bytes } of space.mappings.values())
      for (let at = pa; at < pa + bytes; at += FRAME) this.#had.add(Math.floor(at / FRAME));
  }

  /** A guest goes through a leaf: what it leads to is its own. */
  requireOwn(root: number, { output, size }: Leaf): void {
    const { owners } = this.#board;
    const space = owners.spaceAt(root);
    if (space !== undefined && owners.in(output, size).some((one) => one.space === space)) return;
    throw new Violation(`a guest with the tables at ${hex(root)} reaches ${hex(output)}, which is not its memory`);
  }

  // --- what EL2 does

  /** Whether a device of a VM may do that, wherever its vCPUs are. */
  #isOfDevice(access: "readable" | "writable", mapping: Mapping, pa: number, bytes: number): boolean {
    const { vm } = mapping.space;
    // Asked at nearly every access, and most VMs have no devices.
    if (vm === undefined || this.system?.vms[vm]?.virtio === 0 || this.#rangeOf(mapping)?.kind !== "RAM") return false;
    return this.#board.virtio.may(access, vm, mapping.ipa + (pa - mapping.pa), bytes, this.#readerOf(vm));
  }

  /** Reads memory of a VM. */
  #readerOf(vm: number): (ipa: number, bytes: number) => number | undefined {
    const mappings = this.#board.owners.spaces.find((space) => space.vm === vm)?.mappings;
    return (ipa, bytes) => {
      for (const one of mappings?.values() ?? [])
        if (ipa >= one.ipa && ipa + bytes <= one.ipa + one.bytes)
          return Number(this.#board.ram.read(one.pa + (ipa - one.ipa), bytes));
      return undefined;
    };
  }

  /** Before EL2 touches memory of guests. */
  #lookAtDevices(): void {
    this.#withDevices ??= this.system?.vms.flatMap(({ virtio }, vm) => (virtio === 0 ? [] : vm));
    if (this.#withDevices !== undefined && this.#withDevices.length > 0) this.#board.virtio.begin(this.#withDevices);
  }

  /** EL2 reads memory: the bundle, or what the VM has for which it does that. */
  read(pa: number, bytes: number): void {
    if (!this.#isBooted || this.#bundle === undefined) return;
    const { owners, acting, virtio } = this.#board;
    this.#lookAtDevices();
    const { root } = acting().stage2;
    const last = this.#lastRead;
    if (last?.changes === owners.changes && last.mapping.space.root === root && pa >= last.mapping.pa) {
      if (pa + bytes <= last.mapping.pa + last.mapping.bytes) return;
    }
    if (pa >= this.#bundle.at && pa + bytes <= this.#bundle.at + this.#bundle.bytes.length) return;
    const mapping = owners.in(pa, bytes).find(({ space }) => space.root === root);
    if (mapping === undefined) {
      if (virtio.isBacking(pa, bytes)) return;
      if (owners.in(pa, bytes).some((one) => this.#isOfDevice("readable", one, pa, bytes))) return;
      throw new Violation(`EL2 reads ${hex(pa)}, which is no memory of the VM on CPU ${acting().index}`);
    }
    this.#lastRead = { mapping, changes: owners.changes };
  }

  /** Work on a VM's memory takes long: no other VM's vCPU waits on that CPU for its end, where no other CPU can take it. */
  #requireLetGo(space: Space): void {
    const { owners, acting } = this.#board;
    const { index, stage2 } = acting();
    const kept = owners.spaceAt(stage2.root);
    if (kept?.vm !== undefined)
      throw new Violation(`EL2 works on the memory of ${nameOf(space)}, while CPU ${index} keeps a vCPU of ${nameOf(kept)}`);
  }

  /**
   * EL2 writes memory: of a VM that is on no CPU, its page of stolen time, or what a device of its may write. Returns whether it has
   * to be cleaned for a guest that starts with its caches off: a device is coherent, for a driver that has them on.
   */
  write(pa: number, bytes: number): boolean {
    const { owners, cpus, acting } = this.#board;
    let owned = 0;
    let isCoherent = false;
    for (const mapping of owners.in(pa, bytes)) {
      const { space, ipa } = mapping;
      const from = Math.max(pa, mapping.pa);
      const size = Math.min(pa + bytes, mapping.pa + mapping.bytes) - from;
      owned += size;
      if (this.#isBooted && ipa !== guest.STOLEN_BASE) this.#lookAtDevices();
      if (this.#isBooted && this.#isOfDevice("writable", mapping, from, size)) {
        isCoherent = true;
        continue;
      }
      const isStolen = ipa === guest.STOLEN_BASE;
      if (!isStolen) space.isWritten = true;
      if (!this.#isBooted || (isStolen && acting().stage2.root === space.root)) continue;
      const holder = cpus().find(({ stage2 }) => stage2.root === space.root);
      if (holder !== undefined)
        throw new Violation(`EL2 writes to ${hex(pa)} of ${nameOf(space)}, while that is on CPU ${holder.index}`);
      this.#requireLetGo(space);
    }
    const isBacking = owned === 0 && this.#isBooted && this.#board.virtio.isBacking(pa, bytes);
    if (this.#isBooted && this.#bundle !== undefined && owned < bytes && !isBacking)
      throw new Violation(`EL2 writes ${hex(bytes)} bytes at ${hex(pa)}, not all of which some VM has`);
    return !isCoherent;
  }
}
