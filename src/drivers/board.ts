// What board this is, from its device tree (Devicetree Specification v0.4; bindings arm,gic-v3, arm,armv8-timer, arm,pl011, arm,psci): RAM, GIC,
// timer, UART, clock, firmware, reserved memory, and where the loader put the bundle. Every node is looked at once, in order; interrupts are read
// afterwards, when the GIC's node has said how many cells they take.

import { MAX_CPUS } from "../../build/gen/layout";
import { Pa } from "../hal/addr";
import * as fdt from "../lib/fdt";
import { Fdt } from "../lib/fdt";

const MAX_BANKS: u32 = 8;
const MAX_GICR: u32 = 4;
const MAX_DEPTH: u32 = 6;
const MAX_RESERVED: u32 = 128;
const MAX_TRANSPORTS: u32 = 32;
/** Kinds of interrupt in a specifier's first cell (arm,gic-v3), and cells that a specifier may have. */
const SPI: u32 = 0;
const PPI: u32 = 1;
const MIN_CELLS: u32 = 3;
const MAX_CELLS: u32 = 8;

/** Affinities of CPUs, in the order of the tree: MAX_CPUS of them. */
const affinities: usize = memory.data(64, 8);
/** Ranges of reserved memory, address and size each. */
const reservedRanges: usize = memory.data(2048, 8);
/** Virtio transports, in the order of the tree: address, size, and the node, or the INTID once that is known. */
const transports: usize = memory.data(32 * 24, 8);

export const enum Gic {
  NONE = 0,
  /** GICv2 or older. */
  OLD = 2,
  V3 = 3,
}

@unmanaged
export class Board {
  gic: Gic;
  /** There is PSCI by SMC. */
  firmware: u32;
  /** How many regions of redistributors and banks of RAM there are. */
  redistributors: u32;
  banks: u32;
  distributor: u64;
  distributorSize: u64;
  /** Regions of redistributors, address and size each: they follow the distributor, as in its node's `reg`. */
  gicr0: u64;
  gicrSize0: u64;
  gicr1: u64;
  gicrSize1: u64;
  gicr2: u64;
  gicrSize2: u64;
  gicr3: u64;
  gicrSize3: u64;
  /** Banks of RAM, address and size each. */
  bank0: u64;
  bankSize0: u64;
  bank1: u64;
  bankSize1: u64;
  bank2: u64;
  bankSize2: u64;
  bank3: u64;
  bankSize3: u64;
  bank4: u64;
  bankSize4: u64;
  bank5: u64;
  bankSize5: u64;
  bank6: u64;
  bankSize6: u64;
  bank7: u64;
  bankSize7: u64;
  /** INTIDs: PPIs 16-31, the UART's an SPI 32-1019; 0: the tree names none. */
  maintenance: u32;
  virtualTimer: u32;
  hypervisorTimer: u32;
  uartInterrupt: u32;
  uart: u64;
  uartSize: u64;
  rtc: u64;
  rtcSize: u64;
  initrdStart: u64;
  initrdEnd: u64;
  /** Where the board's seed lies, and its bytes. */
  seed: u64;
  seedBytes: u32;
  /** How many CPUs the tree names; the first MAX_CPUS of them have an affinity here. */
  cpus: u32;
  /** How many ranges are reserved; more than fit are an error. */
  reserved: u32;
  tooManyReserved: u32;
  /** How many virtio transports are used: the first MAX_TRANSPORTS that keep caches coherent. */
  transports: u32;
  /** Nodes that are read again when the tree has been seen; 0: none. */
  gicNode: u32;
  timerNode: u32;
  uartNode: u32;
}

export function bankBase(board: Board, n: u32): u64 {
  return load<u64>(changetype<usize>(board) + (n << 4), offsetof<Board>("bank0"));
}
export function bankSize(board: Board, n: u32): u64 {
  return load<u64>(changetype<usize>(board) + (n << 4), offsetof<Board>("bankSize0"));
}
export function gicrBase(board: Board, n: u32): u64 {
  return load<u64>(changetype<usize>(board) + (n << 4), offsetof<Board>("gicr0"));
}
export function gicrSize(board: Board, n: u32): u64 {
  return load<u64>(changetype<usize>(board) + (n << 4), offsetof<Board>("gicrSize0"));
}

/** MPIDR_EL1's affinity of CPU `n` of the tree. */
export function affinity(n: u32): u64 {
  return load<u64>(affinities + (n << 3));
}

export function reservedBase(n: u32): u64 {
  return load<u64>(reservedRanges + (n << 4));
}
export function reservedSize(n: u32): u64 {
  return load<u64>(reservedRanges + (n << 4) + 8);
}

/** The INTID of interrupt `index` of a node, whose specifiers have `cells` cells: kind, number, flags; 0 unless it is one of `kind`. */
function interrupt(tree: Fdt, node: u32, index: u32, cells: u32, kind: u32): u32 {
  if (node == 0 || cells < MIN_CELLS || cells > MAX_CELLS) return 0;
  const prop = fdt.property(tree, node, "interrupts");
  const first = index * cells;
  if ((first + cells) * 4 > fdt.length(tree, prop) || fdt.cell(tree, prop, first) != kind) return 0;
  const number = fdt.cell(tree, prop, first + 1);
  if (kind == PPI) return number < 16 ? number + 16 : 0;
  return number < 988 ? number + 32 : 0;
}

/** Registers, their size and the INTID (0: none) of virtio transport `n`. */
export function transportBase(n: u32): u64 {
  return load<u64>(transports + n * 24);
}
export function transportSize(n: u32): u64 {
  return load<u64>(transports + n * 24 + 8);
}
export function transportInterrupt(n: u32): u32 {
  return load<u32>(transports + n * 24 + 16);
}

/** All interrupts, by the GIC's #interrupt-cells. */
function interrupts(board: Board, tree: Fdt): void {
  if (board.gicNode == 0) return;
  const cells = fdt.cell(tree, fdt.property(tree, board.gicNode, "#interrupt-cells"), 0);
  board.maintenance = interrupt(tree, board.gicNode, 0, cells, PPI);
  board.virtualTimer = interrupt(tree, board.timerNode, 2, cells, PPI);
  board.hypervisorTimer = interrupt(tree, board.timerNode, 3, cells, PPI);
  board.uartInterrupt = interrupt(tree, board.uartNode, 0, cells, SPI);
  for (let n: u32 = 0; n < board.transports; n++) {
    store<u32>(transports + n * 24 + 16, interrupt(tree, transportInterrupt(n), 0, cells, SPI));
  }
}

/** Pairs of address and size of `reg`, stored from `at` on. Returns how many there are, `limit` at most; pairs of size 0 are left out. */
function ranges(tree: Fdt, node: u32, cells: u32, at: usize, limit: u32): u32 {
  const addressCells = cells >> 4;
  const sizeCells = cells & 15;
  const prop = fdt.property(tree, node, "reg");
  const step = addressCells + sizeCells;
  if (addressCells == 0 || addressCells > 2 || sizeCells == 0 || sizeCells > 2) return 0;
  let count: u32 = 0;
  for (let index: u32 = 0; (index + step) * 4 <= fdt.length(tree, prop) && count < limit; index += step) {
    const base = fdt.number(tree, prop, index, addressCells);
    const size = fdt.number(tree, prop, index + addressCells, sizeCells);
    if (size == 0 || base + size < base) continue;
    store<u64>(at + (count << 4), base);
    store<u64>(at + (count << 4) + 8, size);
    count++;
  }
  return count;
}

function gic(board: Board, tree: Fdt, node: u32, cells: u32, compatible: u32): void {
  if (!fdt.includes(tree, compatible, "arm,gic-v3")) {
    const old = fdt.includes(tree, compatible, "arm,cortex-a15-gic") || fdt.includes(tree, compatible, "arm,gic-400");
    if (old && board.gic == Gic.NONE) board.gic = Gic.OLD;
    return;
  }
  // The distributor, then the redistributors' regions, then what a GICv2 has.
  const regions = fdt.property(tree, node, "#redistributor-regions");
  const wanted: u32 = regions == 0 ? 1 : min<u32>(fdt.cell(tree, regions, 0), MAX_GICR);
  const found = ranges(tree, node, cells, changetype<usize>(board) + offsetof<Board>("distributor"), wanted + 1);
  if (found < 2) return;
  board.gic = Gic.V3;
  board.redistributors = found - 1;
  board.gicNode = node;
}

function chosen(board: Board, tree: Fdt, node: u32): void {
  const start = fdt.property(tree, node, "linux,initrd-start");
  const end = fdt.property(tree, node, "linux,initrd-end");
  board.initrdStart = fdt.number(tree, start, 0, fdt.length(tree, start) >> 2);
  board.initrdEnd = fdt.number(tree, end, 0, fdt.length(tree, end) >> 2);
  const seed = fdt.property(tree, node, "rng-seed");
  if (seed != 0) {
    board.seed = fdt.value(tree, seed) as u64;
    board.seedBytes = fdt.length(tree, seed);
  }
}

/** Whether a node is there for us: not disabled, or kept for the secure state (Devicetree Specification, 2.3.4). */
function isOkay(tree: Fdt, node: u32): bool {
  const status = fdt.property(tree, node, "status");
  return status == 0 || fdt.includes(tree, status, "okay") || fdt.includes(tree, status, "ok");
}

/** A CPU: `reg` is its affinity as MPIDR_EL1 has it (bindings/arm/cpus.yaml). */
function cpu(board: Board, tree: Fdt, node: u32, cells: u32): void {
  const reg = fdt.property(tree, node, "reg");
  if (board.cpus < MAX_CPUS) store<u64>(affinities + (board.cpus << 3), fdt.number(tree, reg, 0, cells >> 4));
  board.cpus++;
}

/** A transport whose device reads memory past the caches is of no use to us. */
function transport(board: Board, tree: Fdt, node: u32, cells: u32): void {
  if (board.transports == MAX_TRANSPORTS || fdt.property(tree, node, "dma-coherent") == 0) return;
  const at = transports + board.transports * 24;
  if (ranges(tree, node, cells, at, 1) != 1) return;
  store<u32>(at + 16, node);
  board.transports++;
}

/** One node; `cells`: #address-cells << 4 | #size-cells of its parent. */
function visit(board: Board, tree: Fdt, node: u32, cells: u32): void {
  if (!isOkay(tree, node)) return;
  const type = fdt.property(tree, node, "device_type");
  if (type != 0) {
    if (fdt.includes(tree, type, "memory")) {
      const at = changetype<usize>(board) + offsetof<Board>("bank0") + (board.banks << 4);
      board.banks += ranges(tree, node, cells, at, MAX_BANKS - board.banks);
    } else if (fdt.includes(tree, type, "cpu")) {
      cpu(board, tree, node, cells);
    }
    return;
  }
  const compatible = fdt.property(tree, node, "compatible");
  if (compatible == 0) return;
  if (fdt.property(tree, node, "interrupt-controller") != 0) {
    gic(board, tree, node, cells, compatible);
  } else if (fdt.includes(tree, compatible, "arm,armv8-timer")) {
    board.timerNode = node;
  } else if (fdt.includes(tree, compatible, "arm,pl011")) {
    if (board.uart == 0 && ranges(tree, node, cells, changetype<usize>(board) + offsetof<Board>("uart"), 1) == 1) {
      board.uartNode = node;
    }
  } else if (fdt.includes(tree, compatible, "arm,pl031")) {
    ranges(tree, node, cells, changetype<usize>(board) + offsetof<Board>("rtc"), 1);
  } else if (fdt.includes(tree, compatible, "virtio,mmio")) {
    transport(board, tree, node, cells);
  } else if (fdt.includes(tree, compatible, "arm,psci-0.2") || fdt.includes(tree, compatible, "arm,psci-1.0")) {
    const method = fdt.property(tree, node, "method");
    board.firmware = fdt.includes(tree, method, "smc") ? 1 : 0;
  }
}

function cellsOf(tree: Fdt, node: u32): u32 {
  const address = fdt.property(tree, node, "#address-cells");
  const size = fdt.property(tree, node, "#size-cells");
  const addressCells: u32 = address == 0 ? 2 : fdt.cell(tree, address, 0);
  const sizeCells: u32 = size == 0 ? 1 : fdt.cell(tree, size, 0);
  return addressCells > 15 || sizeCells > 15 ? 0 : (addressCells << 4) | sizeCells;
}

/** Whether there is room for one more reserved range. */
function hasRoom(board: Board): bool {
  if (board.reserved < MAX_RESERVED) return true;
  board.tooManyReserved = 1;
  return false;
}

/** The children of /reserved-memory; one without `reg` is for an operating system to place. */
function reservedNodes(board: Board, tree: Fdt, parent: u32): void {
  const cells = cellsOf(tree, parent);
  for (let node = fdt.firstChild(tree, parent); node != fdt.NONE; node = fdt.nextSibling(tree, node)) {
    if (!isOkay(tree, node) || fdt.property(tree, node, "reg") == 0) continue;
    board.reserved += ranges(tree, node, cells, reservedRanges + (board.reserved << 4), MAX_RESERVED - board.reserved);
    // The last node may have had more.
    if (!hasRoom(board)) return;
  }
}

/** The memory reservation block (/memreserve/). */
function reservedEntries(board: Board, tree: Fdt): void {
  for (let n: u32 = 0; ; n++) {
    const base = fdt.reservation(tree, n, 0);
    const size = fdt.reservation(tree, n, 1);
    if (base == 0 && size == 0) return;
    if (!hasRoom(board)) return;
    store<u64>(reservedRanges + (board.reserved << 4), base);
    store<u64>(reservedRanges + (board.reserved << 4) + 8, size);
    board.reserved++;
  }
}

/** The children of a node and theirs; the depth is bounded, whatever the tree says. */
// recursion: at most MAX_DEPTH deep
function visitChildren(board: Board, tree: Fdt, parent: u32, depth: u32): void {
  const cells = cellsOf(tree, parent);
  for (let node = fdt.firstChild(tree, parent); node != fdt.NONE; node = fdt.nextSibling(tree, node)) {
    if (fdt.nodeIs(tree, node, "chosen")) chosen(board, tree, node);
    else if (depth == 1 && fdt.nodeIs(tree, node, "reserved-memory")) reservedNodes(board, tree, node);
    else visit(board, tree, node, cells);
    if (depth < MAX_DEPTH) visitChildren(board, tree, node, depth + 1);
  }
}

/** Fills `board` in from the tree. What is not found stays zero. */
export function discover(board: Board, tree: Fdt): void {
  visitChildren(board, tree, 0, 1);
  interrupts(board, tree);
  reservedEntries(board, tree);
}

/** The lowest address of RAM. */
export function ramBase(board: Board): Pa {
  let lowest: u64 = 0xffffffffffffffff;
  for (let n: u32 = 0; n < board.banks; n++) lowest = min<u64>(lowest, bankBase(board, n));
  return lowest as Pa;
}
