// The part of the core that deals with VMs' memory, compiled alone, on a simulated board: tests call its functions directly, as the scheduler and the
// calls of controllers do.

import { layout } from "../../../abi/layout.ts";
import { el2Controls } from "../../../abi/sysregs.ts";
import { instantiate } from "../../../sim/compiled.ts";
import { type Core, Machine } from "../../../sim/machine.ts";
import type { Bank } from "../../../sim/ram.ts";
import { type Leaf, stage2Leaves } from "../../../sim/walker.ts";
import { MIB } from "../../../tool/size.ts";
import { compilePart } from "./part.ts";

const PAGE = 4096;
export const FRAME = 2 * MIB;
const RAM = 0x4000_0000;
export const RAM_START = RAM + layout.HYP_SIZE;
/** Where the bundle lies in these tests: behind all that is given to VMs. */
const BUNDLE_SIZE = 16 * MIB;

/** What the tests call, by the file that has it. */
const exported: Readonly<Record<string, readonly string[]>> = {
  "lib/arena": ["take as arena_take"],
  "mmu/frames": ["setOrigin", "setFree", "take as frames_take", "give as frames_give", "freeBytes"],
  "mmu/stage1": ["mapRam"],
  "mmu/stage2": [
    "init as stage2_init",
    "nothing",
    "create as stage2_create",
    "map",
    "translate",
    "unmap",
    "isEmpty",
    "destroy",
    "RAM",
    "ROM",
    "SHARED",
  ],
  "mmu/table-pool": ["init as pool_init", "take as pool_take", "give as pool_give", "freePages"],
  "vm/bundle": ["open"],
  "vm/create": ["init", "make", "unmake"],
  "vm/manifest": ["read"],
  "vm/table": ["vm", "count"],
  "vm/work": ["begin", "step"],
};

/** What they read of records. */
const fields = [
  'import { Vm } from "../../src/vm/records";',
  "export function rootOf(vm: Vm): u64 { return vm.stage2.root; }",
  "export function tablesOf(vm: Vm): u32 { return vm.stage2.tables; }",
  "export function stolenPageOf(vm: Vm): u64 { return vm.stolenPage; }",
];

export interface Parts extends Core {
  readonly RAM: { readonly value: bigint };
  readonly ROM: { readonly value: bigint };
  readonly SHARED: { readonly value: bigint };
  arena_take(bytes: number, align: number): number;
  setOrigin(pa: bigint): void;
  setFree(pa: bigint, bytes: bigint, free: number): void;
  frames_take(bytes: bigint, pieces: number): bigint;
  frames_give(pa: bigint, bytes: bigint): void;
  freeBytes(): bigint;
  mapRam(pa: bigint, bytes: bigint): number;
  stage2_init(): number;
  nothing(): bigint;
  stage2_create(stage2: number, quota: number): number;
  map(stage2: number, ipa: bigint, pa: bigint, bytes: bigint, attributes: bigint): number;
  translate(stage2: number, ipa: bigint): bigint;
  unmap(stage2: number, vmid: number, from: bigint, own: bigint, ownBytes: bigint): bigint;
  isEmpty(stage2: number): number;
  destroy(stage2: number): void;
  pool_init(base: bigint, end: bigint): void;
  pool_take(level: number): bigint;
  pool_give(page: bigint): void;
  freePages(): number;
  init(): void;
  make(vm: number): bigint;
  unmake(vm: number): number;
  open(pa: bigint, limit: bigint): bigint;
  read(cpus: number): void;
  vm(id: number): number;
  count(): number;
  /** The first table of a VM's stage 2; 0: it has none. */
  rootOf(vm: number): bigint;
  tablesOf(vm: number): number;
  stolenPageOf(vm: number): bigint;
  begin(vm: number, kind: number): void;
  step(vm: number): number;
}

const lines = Object.entries(exported).map(([file, functions]) => `export { ${functions.join(", ")} } from "../../src/${file}";`);
const compiled = await compilePart("memory-parts", [...lines, ...fields].join("\n"));

export class Memory {
  readonly machine: Machine;
  readonly parts: Parts;
  /** Of RAM behind the hypervisor's own. */
  readonly ramBytes: number;

  /** A board with `ramBytes` for VMs, or with these banks of RAM behind the hypervisor's own; and `tables` pages for tables, if not all. */
  constructor({
    ramBytes = 64 * MIB,
    banks = [{ base: RAM_START, size: ramBytes }],
    tables = 0,
  }: {
    readonly ramBytes?: number;
    readonly banks?: readonly Bank[];
    readonly tables?: number;
  } = {}) {
    const high = Math.max(...banks.map(({ base, size }) => base + size));
    this.ramBytes = banks.reduce((sum, { size }) => sum + size, 0);
    const all = [{ base: RAM, size: layout.HYP_SIZE }, ...banks, { base: high, size: BUNDLE_SIZE }];
    // One bank of RAM where they meet.
    const merged: { base: number; size: number }[] = [];
    for (const { base, size } of all) {
      const last = merged.at(-1);
      if (last !== undefined && last.base + last.size === base) last.size += size;
      else merged.push({ base, size });
    }
    let parts: Parts | undefined;
    const core = (hal: unknown): Core => {
      parts = instantiate<Parts>(compiled, hal);
      return parts;
    };
    this.machine = new Machine({ banks: merged, core });
    this.parts = parts!;
    this.bundleAt = high;
    this.#bootMemory(banks, tables);
  }
  readonly bundleAt: number;

  /** What boot does for memory. */
  #bootMemory(banks: readonly Bank[], tables: number): void {
    const { parts, machine } = this;
    const pool = machine.door.imageEnd;
    const end = tables === 0 ? RAM_START : pool + tables * PAGE;
    parts.setOrigin(BigInt(RAM));
    for (const { base, size } of [...banks, { base: this.bundleAt, size: BUNDLE_SIZE }]) {
      parts.mapRam(BigInt(base), BigInt(size));
      machine.door.addBank(BigInt(base), BigInt(size));
    }
    for (const { base, size } of banks) parts.setFree(BigInt(base), BigInt(size), 1);
    parts.mapRam(BigInt(pool), BigInt(RAM_START - pool));
    parts.pool_init(BigInt(pool), BigInt(end));
    parts.stage2_init();
    machine.cpu(0).registers.write("VTTBR_EL2", parts.nothing());
    machine.door.restrict(BigInt(RAM_START), BigInt(this.bundleAt + BUNDLE_SIZE));
    machine.door.lock();
  }

  /** Has the core read a bundle and take what belongs to the system. */
  read(bundle: Buffer, cpus = 1): void {
    this.machine.ram.writeBytes(this.bundleAt, bundle);
    this.parts.open(BigInt(this.bundleAt), BigInt(bundle.length));
    this.parts.read(cpus);
    this.parts.init();
  }

  /** Everything that a stage 2 maps, as a CPU would see it. */
  leaves(root: number): Leaf[] {
    return stage2Leaves(BigInt(el2Controls.VTCR_BASE) | (2n << 16n), BigInt(root), (pa) => this.machine.door.read64(pa));
  }

  /** What nobody has: bytes of frames, and pages for tables. */
  get free(): { readonly bytes: number; readonly pages: number } {
    return { bytes: Number(this.parts.freeBytes()), pages: this.parts.freePages() };
  }
}
