// What the HAL refuses so that the core, whatever it does, stays in its sandbox: tables that change their level, registers that would take a guest
// out of its stage 2, calls of the firmware, an alias of the image. First in the simulator, then in the machine code of the board's side.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { calls, firmwareCalls } from "../../../abi/calls.ts";
import { layout } from "../../../abi/layout.ts";
import { el2Controls, halRegisters, hcrRules } from "../../../abi/sysregs.ts";
import type { Refusal } from "../../../sim/door.ts";
import { Violation } from "../../../sim/faults.ts";
import { makeHal } from "../../../sim/hal.ts";
import { Machine } from "../../../sim/machine.ts";
import { walkStage1 } from "../../../sim/walker.ts";
import { disassemble } from "../../../tool/chain/disassembly.ts";
import { ROOT } from "../../../tool/paths.ts";
import { machine } from "../checks/refuses.ts";

type Call = (...args: (bigint | number)[]) => unknown;
interface Board {
  readonly machine: Machine;
  readonly hal: Readonly<Record<string, Readonly<Record<string, Call>>>>;
}

const PAGE = 4096;
const XN = 1n << 54n;
const ATTRIBUTES = XN | 0x744n;
const RAM = 0x4400_0000n;
const MAP_ROOT = Math.floor(layout.PHYS_MAP / 2 ** 39);
/** Pages of stage 1 that the build has left for boot. */
const [L1, L2, L3] = [layout.STAGE1_BUILT, layout.STAGE1_BUILT + 1, layout.STAGE1_BUILT + 2];

const call = ({ hal }: Board, name: string, ...args: (bigint | number)[]): unknown => {
  const [module = "", called = ""] = name.split(".");
  const found = hal[module]?.[called];
  assert.ok(found, name);
  return found(...args);
};

const tableAt = ({ machine }: Board, page: number): bigint => BigInt(machine.door.stage1Base + page * PAGE) | 3n;

/** A board before its stage 1 is closed, as boot makes it: [0x4000_0000, 0x4100_0000) and what lies behind the image mapped, a pool, a bank. */
const open = (): Board => {
  const machine = new Machine();
  const board = { machine, hal: makeHal(machine) as unknown as Board["hal"] };
  call(board, "stage1.write", 0, MAP_ROOT, tableAt(board, L1));
  call(board, "stage1.write", L1, 1, tableAt(board, L2));
  call(board, "stage1.write", L2, 0, tableAt(board, L3));
  for (let block = 4; block < 512; block++) {
    const pa = 0x4000_0000 + block * 0x20_0000;
    if (pa >= machine.door.imageEnd) call(board, "stage1.write", L2, block, BigInt(pa) | ATTRIBUTES | 1n);
  }
  call(board, "barrier.dsbIshst");
  call(board, "barrier.isb");
  call(board, "phys.addBank", RAM, 0xc00_0000n);
  call(board, "phys.restrict", RAM, 0x5000_0000n);
  call(board, "table.setPool", BigInt(machine.door.imageEnd), 64);
  return board;
};

const page = ({ machine }: Board, n: number): bigint => BigInt(machine.door.imageEnd + n * PAGE);

type Arguments = readonly (bigint | number)[];
type Case = readonly [
  name: string,
  args: Arguments | ((board: Board) => Arguments),
  why: string,
  prepare?: (board: Board) => void,
];
const format =
  (...levels: number[]) =>
  (board: Board): void => {
    for (const [n, level] of levels.entries()) call(board, "table.format", page(board, n), level);
  };
const HCR = hcrRules.HCR_REQUIRED;
const VTCR = BigInt(el2Controls.VTCR_BASE);

const refusals: Readonly<Record<string, Case>> = {
  "a linked table made one of another level": [
    "table.format",
    (board) => [page(board, 1), 3],
    "TABLE",
    (board) => {
      format(1, 2)(board);
      call(board, "table.writeTable", page(board, 0), 1, page(board, 1));
    },
  ],
  "a table made anew": ["table.format", (board) => [page(board, 0), 1], "TABLE", format(1)],
  "a table taken out of use": ["table.format", (board) => [page(board, 0), 0], "TABLE", format(1)],
  "a table linked twice": [
    "table.writeTable",
    (board) => [page(board, 0), 2, page(board, 1)],
    "TABLE_ENTRY",
    (board) => {
      format(1, 2)(board);
      call(board, "table.writeTable", page(board, 0), 1, page(board, 1));
    },
  ],
  "a table linked as one of another level": [
    "table.writeTable",
    (board) => [page(board, 0), 0, page(board, 1)],
    "TABLE_ENTRY",
    format(1, 3),
  ],
  "a page linked that is no table": [
    "table.writeTable",
    (board) => [page(board, 0), 0, page(board, 1)],
    "TABLE_ENTRY",
    format(1),
  ],
  "a table put in place of another": [
    "table.writeTable",
    (board) => [page(board, 0), 1, page(board, 2)],
    "TABLE_ENTRY",
    (board) => {
      format(1, 2, 2)(board);
      call(board, "table.writeTable", page(board, 0), 1, page(board, 1));
    },
  ],
  "a block put in place of a table": [
    "table.writeLeaf",
    (board) => [page(board, 0), 1, RAM | 0x7ffn],
    "LEAF",
    (board) => {
      format(2, 3)(board);
      call(board, "table.writeLeaf", page(board, 1), 1, RAM | 0x7ffn);
      call(board, "table.writeTable", page(board, 0), 1, page(board, 1));
    },
  ],
  "a page put in place of another": [
    "table.writeLeaf",
    (board) => [page(board, 0), 1, (RAM + 4096n) | 0x7ffn],
    "LEAF",
    (board) => {
      format(3)(board);
      call(board, "table.writeLeaf", page(board, 0), 1, RAM | 0x7ffn);
    },
  ],
  "a linked table released": [
    "table.release",
    (board) => [page(board, 1)],
    "TABLE",
    (board) => {
      format(1, 2)(board);
      call(board, "table.writeTable", page(board, 0), 1, page(board, 1));
    },
  ],
  "a table that has entries released": [
    "table.release",
    (board) => [page(board, 0)],
    "TABLE",
    (board) => {
      format(3)(board);
      call(board, "table.writeLeaf", page(board, 0), 511, RAM | 0x7ffn);
    },
  ],
  "a CPU's root released": [
    "table.release",
    (board) => [page(board, 0)],
    "TABLE",
    (board) => {
      format(1)(board);
      call(board, "sysreg.writeVttbrEl2", page(board, 0));
    },
  ],
  "what is no table released": ["table.release", (board) => [page(board, 0)], "TABLE"],
  "an entry of what is no table cleared": ["table.clear", (board) => [page(board, 0), 0], "TABLE"],
  "an entry behind the last cleared": ["table.clear", (board) => [page(board, 0), 512], "TABLE", format(1)],
  "a table of no level": ["table.format", (board) => [page(board, 0), 0], "TABLE"],
  "a table of level 4": ["table.format", (board) => [page(board, 0), 4], "TABLE"],
  "a second pool": ["table.setPool", (board) => [page(board, 64), 1], "AFTER_LOCK"],
  "a contiguous block": ["table.writeLeaf", (board) => [page(board, 0), 0, RAM | (1n << 52n) | 0x7fdn], "LEAF", format(2)],

  "VTTBR_EL2: a table of level 2": ["sysreg.writeVttbrEl2", (board) => [page(board, 0)], "SYSREG", format(2)],
  "VTTBR_EL2: a page of the pool that is no table": ["sysreg.writeVttbrEl2", (board) => [page(board, 0)], "SYSREG"],
  "VTTBR_EL2: a guest's memory": ["sysreg.writeVttbrEl2", [RAM], "TABLE"],
  "VTTBR_EL2: behind a table's start": ["sysreg.writeVttbrEl2", (board) => [page(board, 0) + 64n], "TABLE", format(1)],
  "HCR_EL2: nothing": ["sysreg.writeHcrEl2", [0n], "SYSREG"],
  ...Object.fromEntries(
    [0n, 3n, 4n, 5n, 31n].map((bit): [string, Case] => [
      `HCR_EL2: without bit ${bit}`,
      ["sysreg.writeHcrEl2", [HCR & ~(1n << bit)], "SYSREG"],
    ]),
  ),
  ...Object.fromEntries(
    [12n, 27n, 29n, 34n].map((bit): [string, Case] => [
      `HCR_EL2: with bit ${bit}`,
      ["sysreg.writeHcrEl2", [HCR | (1n << bit)], "SYSREG"],
    ]),
  ),
  ...Object.fromEntries(
    // Every bit but the CPU's fields, PS and VS. Bit 32 is DS, which would make attributes bits of the address.
    Array.from({ length: 64 }, (_, bit) => bit)
      .filter((bit) => bit < 16 || bit > 19)
      .map((bit): [string, Case] => [
        `VTCR_EL2: with another bit ${bit}`,
        ["sysreg.writeVtcrEl2", [VTCR ^ (1n << BigInt(bit))], "SYSREG"],
      ]),
  ),

  ...Object.fromEntries(
    calls
      .filter(({ name }) => !(firmwareCalls as readonly string[]).includes(name))
      .map(({ name, id }): [string, Case] => [`${name} of the firmware`, ["cpu.smc", [BigInt(id), 0n, 0n, 0n], "SMC"]]),
  ),
  "WORKAROUND_2 of the firmware": ["cpu.smc", [0x8000_7fffn, 0n, 0n, 0n], "SMC"],
  "a call with something above its 32 bits": ["cpu.smc", [0x1_8400_0008n, 0n, 0n, 0n], "SMC"],

  "an index that is read at an odd address": ["phys.load16", [RAM + 1n], "PHYS"],
  "an index that is written at an odd address": ["phys.store16", [RAM + 1n, 0], "PHYS"],
  "zeroing 64 bytes": ["phys.zero", [RAM, 64n], "PHYS"],
  "zeroing from the middle of a page": ["phys.zero", [RAM + 2048n, 4096n], "PHYS"],

  "stage 1: a page of the image": [
    "stage1.write",
    ({ machine }) => [L3, 0, BigInt(machine.door.imageStart) | ATTRIBUTES | 3n],
    "STAGE1",
  ],
  "stage 1: a page of the core's memory": [
    "stage1.write",
    ({ machine }) => [L3, 0, BigInt(machine.door.imageEnd - PAGE) | ATTRIBUTES | 3n],
    "STAGE1",
  ],
  "stage 1: a page of its own tables, as a leaf": ["stage1.write", (board) => [L3, 0, tableAt(board, 3) | ATTRIBUTES], "STAGE1"],
  "stage 1: a block around the image": ["stage1.write", [L2, 1, 0x4020_0000n | ATTRIBUTES | 1n], "STAGE1"],
  "stage 1: a block of 1 GiB around the image": ["stage1.write", [L1, 2, 0x4000_0000n | ATTRIBUTES | 1n], "STAGE1"],
  "stage 1: a table that is no page of it": ["stage1.write", [L2, 1, RAM | XN | 3n], "STAGE1"],
  "stage 1: a table that the build made": ["stage1.write", (board) => [L2, 1, tableAt(board, 3)], "STAGE1"],
  "stage 1: a table that is linked already": ["stage1.write", (board) => [L1, 2, tableAt(board, L3)], "STAGE1"],
  "stage 1: an entry of the table of the image": ["stage1.write", [3, 511, RAM | ATTRIBUTES | 3n], "STAGE1"],
  "stage 1: an entry of a table that nothing points at": ["stage1.write", [L3 + 1, 0, RAM | ATTRIBUTES | 3n], "STAGE1"],
  "stage 1: an entry replaced": ["stage1.write", [L2, 32, 0x4400_0000n | ATTRIBUTES | 1n], "STAGE1"],
  "stage 1: an entry cleared": ["stage1.write", [L2, 32, 0n], "STAGE1"],
  "stage 1: executable": ["stage1.write", [L3, 0, RAM | 0x747n], "STAGE1"],
  "stage 1: contiguous": ["stage1.write", [L3, 0, RAM | ATTRIBUTES | (1n << 52n) | 3n], "STAGE1"],
};
for (const [title, [name, args, why, prepare]] of Object.entries(refusals)) {
  test(`refused: ${title}`, () => {
    const board = open();
    prepare?.(board);
    const given = typeof args === "function" ? args(board) : args;
    assert.throws(
      () => call(board, name, ...given),
      (error) => error instanceof Violation && error.message.startsWith(`REFUSE_${why}: `),
    );
  });
}

test("what the core needs of all this is let through", () => {
  const board = open();
  format(1, 2, 3)(board);
  for (const n of [0, 1]) call(board, "table.writeTable", page(board, n), 0, page(board, n + 1));
  call(board, "table.writeLeaf", page(board, 2), 0, RAM | 0x7ffn);
  call(board, "sysreg.writeVttbrEl2", page(board, 0) | (0xffffn << 48n));
  for (const value of [HCR, HCR | (1n << 8n), HCR | (1n << 13n) | (1n << 19n)]) call(board, "sysreg.writeHcrEl2", value);
  for (const value of [0n, 5n << 16n, 0xdn << 16n]) call(board, "sysreg.writeVtcrEl2", VTCR | value);
  for (const name of firmwareCalls.slice(1)) {
    const id = calls.find((one) => one.name === name)?.id ?? 0;
    call(board, "cpu.smc", BigInt(id), 0n, 0n, 0n);
  }
  call(board, "phys.zero", RAM, 8192n);
  call(board, "phys.copy", RAM + 17n, RAM + 4099n, 127n);
  call(board, "phys.store16", RAM + 2n, 0x1_abcd);
  assert.equal(call(board, "phys.load16", RAM + 2n), 0xabcd);
  // The board's device tree below the image.
  call(board, "stage1.write", L3, 0, 0x4000_0000n | ATTRIBUTES | 3n);
});

test("a table that is taken out, emptied and released may be one of another level, and a root that no CPU has any more too", () => {
  const board = open();
  format(1, 2, 1)(board);
  call(board, "table.writeTable", page(board, 0), 7, page(board, 1));
  call(board, "table.writeLeaf", page(board, 1), 0, RAM | 0x7fdn);
  assert.deepEqual(
    [0, 1].map((n) => call(board, "table.used", page(board, n))),
    [1, 1],
  );
  call(board, "table.clear", page(board, 0), 7);
  call(board, "table.clear", page(board, 0), 7);
  call(board, "table.clear", page(board, 1), 0);
  assert.deepEqual(
    [0, 1].map((n) => call(board, "table.used", page(board, n))),
    [0, 0],
  );
  call(board, "sysreg.writeVttbrEl2", page(board, 0));
  call(board, "sysreg.writeVttbrEl2", page(board, 2));
  for (const n of [0, 1]) call(board, "table.release", page(board, n));
  call(board, "table.format", page(board, 0), 3);
  call(board, "table.format", page(board, 1), 1);
});

test("while stage 1 is being closed, each of its tables is writable until it is written for the last time", () => {
  const { machine } = open();
  const { ram, door } = machine;
  const write = ram.write.bind(ram);
  let stores = 0;
  ram.write = (address, bytes, value) => {
    const at = layout.IMAGE_VA + address - door.imageStart;
    const leaf = walkStage1(door.stage1Registers, at, (pa) => door.read64(pa));
    assert.ok("write" in leaf && leaf.write, `entry ${stores} is written through a page that is read-only`);
    stores++;
    write(address, bytes, value);
  };
  door.lock();
  assert.equal(stores, layout.STAGE1_PAGES);
});

// --- the board's side

const hal = readFileSync(join(ROOT, "metal/hal.h"), "utf8");
const functions = disassemble("build/hyper-lite.elf");

/** The number of a refusal, from the enumeration in hal.h. */
const immediate = (why: string): string => {
  const names = [...(/enum \{(.*?)\};/s.exec(hal)?.[1] ?? "").matchAll(/REFUSE_(\w+)/g)].map(([, name]) => name);
  assert.ok(names.includes(why), why);
  return `#0x${(0x200 + names.indexOf(why)).toString(16)}`;
};

/** Calls through the door with arguments that gcc knows nothing of, and the checks that they must meet in machine code. */
const crossings: Readonly<Record<string, readonly Refusal[]>> = {
  "sysreg_writeHcrEl2(0, a)": ["SYSREG"],
  "sysreg_writeVtcrEl2(0, a)": ["SYSREG"],
  "sysreg_writeVttbrEl2(0, a)": ["SYSREG", "TABLE"],
  "cpu_smc(0, a, b, 0, 0)": ["SMC"],
  "phys_copy(0, a, b, c)": ["PHYS"],
  "phys_load16(0, a)": ["PHYS"],
  "phys_store16(0, a, 0)": ["PHYS"],
  "phys_zero(0, a, b)": ["PHYS"],
  "table_setPool(0, a, b)": ["AFTER_LOCK", "TABLE"],
  "table_format(0, a, b)": ["TABLE"],
  "table_writeTable(0, a, b, c)": ["TABLE", "TABLE_ENTRY"],
  "table_writeLeaf(0, a, b, c)": ["TABLE", "LEAF"],
  "table_clear(0, a, b)": ["TABLE"],
  "table_release(0, a)": ["TABLE"],
  "stage1_write(0, a, b, c)": ["AFTER_LOCK", "STAGE1"],
};
test("machine code: what is checked stops with its own BRK", () => {
  const names = Object.keys(crossings);
  const c = names.map((crossing, n) => `void f${n}(u64 a, u64 b, u64 c) { w2c_${crossing}; }`).join("\n");
  const flags = ["-Imetal", "-Ibuild/gen", "-Ibuild"].map((flag) => flag.replace("-I", `-I${ROOT}/`));
  const { functions: compiled } = machine({ c: `#include "hal.h"\n${c}`, flags });
  for (const [n, crossing] of names.entries()) {
    const code = compiled.find(({ name }) => name === `f${n}`)?.instructions ?? [];
    const stops = new Set(code.filter(({ mnemonic }) => mnemonic === "brk").map(({ operands }) => operands));
    assert.deepEqual([...stops].sort(), (crossings[crossing] ?? []).map(immediate).sort(), crossing);
  }
});

test("every register whose writes are checked is in the table above", () => {
  const checked = halRegisters.filter(({ check }) => check !== undefined).map(({ name }) => name);
  assert.deepEqual(checked, ["HCR_EL2", "VTCR_EL2", "VTTBR_EL2"]);
});

/** Conditions whose function has others of the same reason, which machine code does not tell apart. */
const conditions: readonly (readonly [name: string, condition: string])[] = [
  ["phys, load16", "pa % 2 != 0"],
  ["phys, store16", "pa % 2 != 0"],
  ["phys, zero", "(pa | bytes) % PAGE != 0"],
  ["table, setPool", "door.pool_pages != 0"],
  ["table, format", "level - 1 > 2 || state->level != 0"],
  ["table, writeTable", "child->level != state->level + 1 || child->linked || (*entry & DESC_VALID)"],
  ["table, writeLeaf", "!in_bank || (*entry & DESC_VALID)"],
  ["table, release", "state->level == 0 || state->linked || state->used != 0"],
  ["table, release", "__atomic_load_n(&door.root[n], __ATOMIC_SEQ_CST) == table"],
  ["table, writeLeaf", "(descriptor & (DESC_CONTIGUOUS | 3)) != (level == 3 ? 3 : 1)"],
  ["stage1, write", "w2c_stage1_read(instance_, page, index) != 0 || (page != 0 && door.stage1_level[page] == 0)"],
  ["stage1, write", "next < STAGE1_BUILT || next >= STAGE1_PAGES || door.stage1_level[next] != 0"],
  ["stage1, write", "own(output, bytes)"],
];
test("hal.h: conditions", () => {
  for (const [name, condition] of conditions) {
    const body = hal.slice(hal.search(new RegExp(`HAL\\(\\w+, ${name}, `))).split("\n}\n", 1)[0] ?? "";
    assert.ok(
      body.split("\n").some((line) => line.includes("REFUSE_IF(") && line.includes(condition)),
      `${name}: ${condition}`,
    );
  }
});

test("hal.h: the table of the image becomes read-only behind all others", () => {
  const [, from, end, index] =
    /stage1, lock\).*?n = (\d+); n < STAGE1_PAGES \+ (\d+);.*?image\[first \+ (.*?)\] \|=/s.exec(hal) ?? [];
  assert.deepEqual([from, end, index], ["4", "4", "n % STAGE1_PAGES"]);
});

test("hal.h and the simulator refuse for the same reasons", () => {
  const reasons = (text: string): string[] =>
    [...new Set([...text.matchAll(/REFUSE_IF\([^;]*?REFUSE_(\w+)\)/gs)].map(([, why]) => why ?? ""))].sort();
  const simulated = ["sim/door.ts", "sim/hal.ts", "sim/sysregs.ts"]
    .map((path) => readFileSync(join(ROOT, path), "utf8"))
    .join("");
  const refused = [...new Set([...simulated.matchAll(/refuse\(\s*"(\w+)"/g)].map(([, why]) => why ?? ""))].sort();
  assert.deepEqual(refused, reasons(hal));
});

test("boot.S: SP_EL1's own vectors are chosen before anything can fault", () => {
  const start = functions.find(({ name }) => name === "start_from_rom")?.instructions[0];
  assert.deepEqual([start?.mnemonic, start?.operands], ["msr", "spsel, #0x1"]);
});
