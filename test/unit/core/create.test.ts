// Making VMs, filling them, taking them down: what is mapped is what the manifest says, what fails leaves nothing taken, what is given back is clear,
// and work that is cut short anywhere begins anew.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bundleNames as names } from "../../../abi/bundle.ts";
import { callErrors } from "../../../abi/calls.ts";
import { guest } from "../../../abi/guest.ts";
import { fdtNode, writeFdt } from "../../../tool/fdt.ts";
import { KIB, MIB } from "../../../tool/size.ts";
import { listOf, PAYLOAD, type Properties, payload, plainVm, writeByHand } from "./bundle-by-hand.ts";
import { FRAME, Memory, RAM_START } from "./memory-parts.ts";

const NO_MEMORY = BigInt(callErrors.NO_MEMORY);
const LOAD = 1;
const CLEAN = 2;
/** HAL calls of one piece of work. */
const PIECE = 1500;

const RAM_BYTES = 6 * MIB;
const KERNEL = Buffer.from(Array.from({ length: 70 * KIB + 13 }, (_, n) => (n * 7 + 1) & 0xff));
const TREE = writeFdt(
  fdtNode("", {}, [fdtNode("chosen", { "rng-seed": new Uint8Array(64), "kaslr-seed": new Uint8Array(8), bootargs: "quiet" })]),
);
const FLASH = Buffer.from("what the flash holds");
const [KERNEL_AT, TREE_AT, FLASH_AT] = [PAYLOAD, PAYLOAD + MIB, PAYLOAD + MIB + 64 * KIB];
/** Across a block of stage 2, so that a piece ends there. */
const KERNEL_LOAD = FRAME - 8 * KIB;

const VM: Properties = {
  ...plainVm,
  [names.MEMORY]: BigInt(RAM_BYTES),
  [names.KERNEL]: payload(KERNEL.length, KERNEL_AT),
  [names.KERNEL_LOAD]: BigInt(KERNEL_LOAD),
  [names.KERNEL_ENTRY]: BigInt(KERNEL_LOAD),
  [names.FDT]: payload(TREE.length, TREE_AT),
};
const REGIONS: readonly Properties[] = [
  { [names.IPA]: 0n, [names.SIZE]: 0x3000n, [names.READ_ONLY]: true, [names.FILE]: payload(FLASH.length, FLASH_AT) },
  // Three frames and a bit, in the middle of a block.
  { [names.IPA]: BigInt(0x2000_0000 + 12 * KIB), [names.SIZE]: BigInt(3 * FRAME) },
];
const SHARED: readonly Properties[] = [{ [names.SIZE]: BigInt(FRAME + 4 * KIB) }];

interface Kind {
  readonly vm?: Properties;
  readonly sees?: "all" | "read-only";
}
const node = ({ vm = {}, sees = "all" }: Kind = {}, n = 0) =>
  fdtNode(`vm@${n}`, { ...VM, ...vm }, [
    listOf(names.REGIONS, REGIONS),
    listOf(names.SHARED, [{ [names.INDEX]: 0n, [names.IPA]: BigInt(guest.SHARED_BASE), [names.READ_ONLY]: sees !== "all" }]),
  ]);

const systemOf = (kinds: readonly Kind[], root: Properties = {}): Buffer =>
  writeByHand({
    vms: kinds.map(node),
    shared: SHARED,
    root,
    payloads: [
      [KERNEL_AT, KERNEL],
      [TREE_AT, TREE],
      [FLASH_AT, FLASH],
    ],
  });

/** A board that has read a bundle. */
const boardWith = (bundle: Buffer, options: ConstructorParameters<typeof Memory>[0] = {}): Memory => {
  const memory = new Memory(options);
  memory.read(bundle);
  return memory;
};

/** Does all pieces of a work; returns how many. */
const finish = ({ parts, machine }: Memory, vm: number): number => {
  for (let pieces = 1; ; pieces++) {
    const calls = machine.calls;
    const done = parts.step(vm);
    assert.ok(machine.calls - calls < PIECE, `a piece of ${machine.calls - calls} calls`);
    if (done !== 0) return pieces;
  }
};
const doAll = (memory: Memory, vm: number, kind: number): number => {
  memory.parts.begin(vm, kind);
  return finish(memory, vm);
};

/** What the VM sees at an address. */
const seen = (memory: Memory, vm: number, ipa: number, bytes: number): Buffer => {
  const leaves = memory.leaves(Number(memory.parts.rootOf(vm)));
  const result = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += 4 * KIB) {
    const leaf = leaves.find(({ input, size }) => ipa + at >= input && ipa + at < input + size);
    assert.ok(leaf !== undefined, `nothing at ${ipa + at}`);
    const page = memory.machine.ram.readBytes(leaf.output + ipa + at - leaf.input, Math.min(4 * KIB, bytes - at));
    result.set(page, at);
  }
  return result;
};

test("a VM has its RAM, its regions, what it shares and its page of stolen time, with their rights, and nothing else", () => {
  const memory = boardWith(systemOf([{}, { sees: "read-only" }]));
  const { parts } = memory;
  for (const id of [0, 1]) {
    const vm = parts.vm(id);
    assert.equal(parts.make(vm), 0n);
    const spans = memory
      .leaves(Number(parts.rootOf(vm)))
      .map(({ input, size, write, execute }) => ({ input, size, write, execute }));
    const rights = (from: number, bytes: number) => {
      const inside = spans.filter(({ input }) => input >= from && input < from + bytes);
      assert.equal(
        inside.reduce((sum, { size }) => sum + size, 0),
        bytes,
      );
      return [...new Set(inside.map(({ write, execute }) => `${write ? "w" : ""}${execute ? "x" : ""}`))];
    };
    assert.deepEqual(rights(guest.RAM_BASE, RAM_BYTES), ["wx"]);
    assert.deepEqual(rights(0, 0x3000), ["x"]);
    assert.deepEqual(rights(0x2000_3000, 3 * FRAME), ["wx"]);
    assert.deepEqual(rights(guest.SHARED_BASE, FRAME + 4 * KIB), [id === 0 ? "w" : ""]);
    assert.deepEqual(rights(guest.STOLEN_BASE, guest.STOLEN_SIZE), [""]);
    const all = RAM_BYTES + 0x3000 + 3 * FRAME + FRAME + 4 * KIB + guest.STOLEN_SIZE;
    assert.equal(
      spans.reduce((sum, { size }) => sum + size, 0),
      all,
    );
    // A region in the middle of a block is mapped by blocks all the same.
    assert.equal(spans.filter(({ input, size }) => input >= 0x2000_0000 && input < 0x2100_0000 && size === FRAME).length, 2);
  }
});

test("two VMs have no memory in common but what they share", () => {
  const memory = boardWith(systemOf([{}, {}]));
  const { parts } = memory;
  const [first = [], second = []] = [0, 1].map((id) => {
    assert.equal(parts.make(parts.vm(id)), 0n);
    return memory.leaves(Number(parts.rootOf(parts.vm(id))));
  });
  const common = first.filter((a) => second.some((b) => a.output < b.output + b.size && b.output < a.output + a.size));
  assert.deepEqual(
    common.map(({ input }) => input),
    [guest.SHARED_BASE, guest.SHARED_BASE + FRAME],
  );
});

test("RAM in pieces: a VM is made of what there is", () => {
  const bank = (n: number, frames: number) => ({ base: RAM_START + n * FRAME, size: frames * FRAME });
  // The system takes one and two in a row, the regions one and four, the RAM three.
  const memory = boardWith(systemOf([{}]), { banks: [bank(0, 3), bank(4, 2), bank(8, 1), bank(10, 5)] });
  const vm = memory.parts.vm(0);
  assert.equal(memory.parts.make(vm), 0n);
  assert.equal(memory.free.bytes, 0);
  const ram = memory.leaves(Number(memory.parts.rootOf(vm))).filter(({ input }) => input >= guest.RAM_BASE);
  assert.deepEqual(
    ram.map(({ output }) => output),
    [5, 8, 14].map((n) => RAM_START + n * FRAME),
  );
  const pieces = boardWith(systemOf([{}]), { banks: [bank(0, 3), bank(4, 3), bank(8, 3), bank(12, 3)] });
  assert.equal(pieces.parts.make(pieces.parts.vm(0)), NO_MEMORY, "a region lies in one piece");
});

const tablesNeeded = (): number => {
  const { parts } = boardWith(systemOf([{}]));
  assert.equal(parts.make(parts.vm(0)), 0n);
  return parts.tablesOf(parts.vm(0));
};

test("with any quota of tables that does not do, nothing is taken", () => {
  const needed = tablesNeeded();
  for (let quota = 1; quota <= needed; quota++) {
    const memory = boardWith(systemOf([{ vm: { [names.TABLE_QUOTA]: BigInt(quota) } }]));
    const before = memory.free;
    assert.equal(memory.parts.make(memory.parts.vm(0)), quota === needed ? 0n : NO_MEMORY, `a quota of ${quota}`);
    if (quota === needed) continue;
    assert.deepEqual(memory.free, before);
    assert.equal(memory.parts.rootOf(memory.parts.vm(0)), 0n);
  }
});

test("with any number of pages for tables that does not do, nothing is taken", () => {
  const needed = tablesNeeded();
  // One is the system's.
  for (let tables = 1; tables <= needed + 1; tables++) {
    const memory = boardWith(systemOf([{}]), { tables });
    const before = memory.free;
    assert.equal(memory.parts.make(memory.parts.vm(0)), tables === needed + 1 ? 0n : NO_MEMORY, `${tables} pages of ${needed}`);
    if (tables <= needed) assert.deepEqual(memory.free, before);
    else assert.equal(memory.free.pages, 0);
  }
});

test("with any amount of RAM that does not do, nothing is taken; with one frame more it does", () => {
  // Three of the system, three of RAM, one and four of regions.
  for (let frames = 3; frames <= 11; frames++) {
    const memory = boardWith(systemOf([{}]), { ramBytes: frames * FRAME });
    const before = memory.free;
    assert.equal(memory.parts.make(memory.parts.vm(0)), frames === 11 ? 0n : NO_MEMORY, `${frames} frames`);
    if (frames < 11) assert.deepEqual(memory.free, before);
    else assert.equal(memory.free.bytes, 0);
  }
});

/** The same tree with NOPs in place of its seeds: the two properties stand first, one behind the other. */
const withoutSeeds = (tree: Buffer): Buffer => {
  const result = Buffer.from(tree);
  const from = tree.indexOf("chosen\0\0") + 8;
  for (let at = from; at < from + 12 + 64 + 12 + 8; at += 4) result.writeUInt32BE(4, at);
  return result;
};

test("a VM is filled with what the bundle has, zeros elsewhere, all of it cleaned from the caches", () => {
  const memory = boardWith(systemOf([{}]));
  const { parts, machine } = memory;
  const vm = parts.vm(0);
  machine.ram.writeBytes(RAM_START, Buffer.alloc(memory.ramBytes, 0xee));
  parts.make(vm);
  doAll(memory, vm, LOAD);
  const ram = Buffer.alloc(RAM_BYTES);
  ram.set(KERNEL, KERNEL_LOAD);
  const found = seen(memory, vm, guest.RAM_BASE, RAM_BYTES);
  assert.ok(found.subarray(4 * KIB).equals(ram.subarray(4 * KIB)));
  // Without a generator the seeds are gone, and nothing else is.
  assert.ok(found.subarray(0, 4 * KIB).equals(Buffer.concat([withoutSeeds(TREE), Buffer.alloc(4 * KIB - TREE.length)])));
  assert.deepEqual(seen(memory, vm, 0, 0x3000), Buffer.concat([FLASH, Buffer.alloc(0x3000 - FLASH.length)]));
  assert.ok(seen(memory, vm, 0x2000_3000, 3 * FRAME).every((byte) => byte === 0));
  assert.ok(seen(memory, vm, guest.STOLEN_BASE, guest.STOLEN_SIZE).every((byte) => byte === 0));
  assert.ok(!machine.ram.isDirty);
});

/** Writes into all memory that a VM can write, as its guest does. */
const live = (memory: Memory, vm: number): void => {
  for (const { output, size, write, input } of memory.leaves(Number(memory.parts.rootOf(vm)))) {
    if (write && input !== guest.SHARED_BASE) memory.machine.ram.writeBytes(output, Buffer.alloc(size, 0x5a));
  }
};

test("what a VM had is clear when it is given back, and everything is given back, wherever the work before was cut short", () => {
  const pieces = (): number => {
    const memory = boardWith(systemOf([{}], { [names.NO_SCRUB]: true }));
    memory.parts.make(memory.parts.vm(0));
    return doAll(memory, memory.parts.vm(0), LOAD);
  };
  for (let cut = 0; cut <= pieces(); cut++) {
    const memory = boardWith(systemOf([{}], { [names.NO_SCRUB]: true }));
    const { parts, machine } = memory;
    const vm = parts.vm(0);
    const before = memory.free;
    const owned = memory.ramBytes - before.bytes;
    parts.make(vm);
    parts.begin(vm, LOAD);
    for (let n = 0; n < cut; n++) parts.step(vm);
    if (cut % 3 === 0) {
      // It comes to life, and is filled anew a bit.
      finish(memory, vm);
      live(memory, vm);
      parts.begin(vm, LOAD);
      for (let n = 0; n < cut; n++) parts.step(vm);
    }
    doAll(memory, vm, CLEAN);
    assert.deepEqual(memory.free, before, `cut behind ${cut} pieces`);
    assert.ok(machine.ram.isZero(RAM_START + owned, memory.ramBytes - owned), `cut behind ${cut} pieces`);
    assert.ok(!machine.ram.isDirty);
    assert.equal(parts.rootOf(vm), 0n);
  }
});

test("what was only cleared when a VM is taken down is not cleared again", () => {
  const cleaning = (pieces: number): number => {
    const memory = boardWith(systemOf([{}], { [names.NO_SCRUB]: true }));
    const vm = memory.parts.vm(0);
    memory.parts.make(vm);
    memory.parts.begin(vm, LOAD);
    for (let n = 0; n < pieces; n++) memory.parts.step(vm);
    return doAll(memory, vm, CLEAN);
  };
  // The page of stolen time, and regions of 98 pieces, before anything is loaded.
  assert.equal(cleaning(99), cleaning(0));
  assert.ok(cleaning(100) > cleaning(0));
});

test("a VM into which nothing was loaded has used its memory all the same", () => {
  const empty = { ...plainVm, [names.MEMORY]: BigInt(RAM_BYTES), [names.KERNEL]: payload(0), [names.FDT]: payload(0) };
  const memory = boardWith(writeByHand({ vms: [fdtNode("vm@0", empty)], root: { [names.NO_SCRUB]: true } }));
  const { parts, machine } = memory;
  const vm = parts.vm(0);
  const before = memory.free;
  const owned = memory.ramBytes - before.bytes;
  parts.make(vm);
  doAll(memory, vm, LOAD);
  live(memory, vm);
  doAll(memory, vm, CLEAN);
  assert.deepEqual(memory.free, before);
  assert.ok(machine.ram.isZero(RAM_START + owned, before.bytes));
});

test("taking a VM down can be cut short anywhere while its memory is cleared, and begun anew", () => {
  const memory = boardWith(systemOf([{}]));
  const { parts, machine } = memory;
  const vm = parts.vm(0);
  const before = memory.free;
  for (const cut of [1, 50, 97, 110]) {
    parts.make(vm);
    doAll(memory, vm, LOAD);
    live(memory, vm);
    parts.begin(vm, CLEAN);
    for (let n = 0; n < cut; n++) parts.step(vm);
    doAll(memory, vm, CLEAN);
    assert.deepEqual(memory.free, before);
    assert.ok(machine.ram.isZero(RAM_START + memory.ramBytes - before.bytes, before.bytes));
  }
});

test("what VMs share is clear at first, and stays when a VM that has it goes", () => {
  const memory = new Memory();
  const { parts, machine } = memory;
  machine.ram.writeBytes(RAM_START, Buffer.alloc(memory.ramBytes, 0xee));
  memory.read(systemOf([{}, {}]));
  for (const id of [0, 1]) parts.make(parts.vm(id));
  assert.ok(seen(memory, parts.vm(0), guest.SHARED_BASE, FRAME + 4 * KIB).every((byte) => byte === 0));
  const at = memory.leaves(Number(parts.rootOf(parts.vm(0)))).find(({ input }) => input === guest.SHARED_BASE)?.output ?? 0;
  machine.ram.writeBytes(at, Buffer.from("a message"));
  doAll(memory, parts.vm(0), CLEAN);
  assert.equal(seen(memory, parts.vm(1), guest.SHARED_BASE, 9).toString(), "a message");
});

test("each VM has a page of stolen time of its own", () => {
  const memory = boardWith(systemOf([{}, {}, {}]));
  const { parts } = memory;
  const found = [0, 1, 2].map((id) => Number(parts.stolenPageOf(parts.vm(id))));
  assert.equal(new Set(found.map((at) => Math.floor(at / (4 * KIB)))).size, 3);
});

test("made, filled and taken down a thousand times: not one page is lost", () => {
  const memory = boardWith(systemOf([{}, {}], { [names.NO_SCRUB]: true }));
  const { parts, machine } = memory;
  const before = memory.free;
  const core = Buffer.from(machine.memory);
  for (let n = 0; n < 1000; n++) {
    const vm = parts.vm(n % 2);
    assert.equal(parts.make(vm), 0n);
    doAll(memory, vm, n % 10 === 0 ? LOAD : CLEAN);
    doAll(memory, vm, CLEAN);
  }
  assert.deepEqual(memory.free, before);
  assert.ok(machine.memory.reduce((changed, byte, n) => changed + Number(byte !== core[n]), 0) < 500, "no record grows");
});

test("64 VMs are read; each further one takes little of the hypervisor's own memory", () => {
  const taken = (count: number): { bytes: number; calls: number } => {
    const memory = new Memory({ ramBytes: 512 * MIB });
    const { parts, machine } = memory;
    const [start, calls] = [parts.arena_take(0, 1), machine.calls];
    const kinds = Array.from({ length: count }, () => ({ vm: { [names.VCPUS]: 8n, [names.MEMORY]: BigInt(64 * MIB) } }));
    memory.read(systemOf(kinds));
    return { bytes: parts.arena_take(0, 1) - start, calls: machine.calls - calls };
  };
  const [one, all] = [taken(1), taken(64)];
  assert.ok(all.calls < 1_000_000, `${all.calls} calls to read 64 VMs`);
  const records = (all.bytes - one.bytes) / 63;
  assert.ok(records < 20 * KIB, `${records} bytes of records`);

  const memory = boardWith(systemOf([{ vm: { [names.MEMORY]: BigInt(64 * MIB) } }]), { ramBytes: 512 * MIB });
  memory.parts.make(memory.parts.vm(0));
  const tables = memory.parts.tablesOf(memory.parts.vm(0)) * 4 * KIB;
  const CONSOLE = 64 * KIB;
  assert.ok(records + tables + CONSOLE < 256 * KIB);
});
