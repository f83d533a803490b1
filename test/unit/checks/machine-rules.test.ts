// Rules on the machine code: each refuses code that breaks it, made by the compiler of the core or written by hand.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { frames } from "../../../tool/chain/checks/frames.ts";
import { guardedRegisters } from "../../../tool/chain/checks/guarded-registers.ts";
import { imageSize } from "../../../tool/chain/checks/image-size.ts";
import { apply } from "../../../tool/chain/checks/rule.ts";
import { writeOrExecute } from "../../../tool/chain/checks/sections.ts";
import { spinLoops } from "../../../tool/chain/checks/spin-loops.ts";
import { stacks } from "../../../tool/chain/checks/stacks.ts";
import { traps } from "../../../tool/chain/checks/traps.ts";
import { vectorRegisters } from "../../../tool/chain/checks/vector-registers.ts";
import { disassemble, frameOf } from "../../../tool/chain/disassembly.ts";
import { ROOT } from "../../../tool/paths.ts";
import { accepts, machine, refuses } from "./refuses.ts";

const USE = "void use(void *); ";
const frame = (bytes: number): string => `${USE}void f(void) { char a[${bytes}]; use(a); __asm__ volatile("" ::: "memory"); }`;

test("a large frame is refused", () => {
  refuses(
    frames,
    machine({ c: frame(4096) }),
    /^f: small-frames: a stack frame of 41\d\d bytes, 2048 are allowed; keep large things in static data/,
  );
  accepts(frames, machine({ c: frame(1024) }));
});
test("a frame of unknown size is refused", () => {
  refuses(
    frames,
    machine({ c: `${USE}void f(long n) { char a[n]; use(a); __asm__ volatile("" ::: "memory"); }` }),
    /^f: small-frames: a stack frame whose size is not constant/,
  );
});
test("what gcc tells of a frame is believed", () => {
  const usage = "core.c:1:6:f\t64\tstatic\ncore.c:2:6:w2c_core_src0x2Fa0x2Fg\t4000\tstatic\n";
  refuses(frames, { ...machine({}), stackUsage: usage }, /^a\/g: small-frames: gcc tells of a stack frame of 4000 bytes/);
  refuses(
    frames,
    { ...machine({}), stackUsage: "core.c:1:6:f\t64\tdynamic\n" },
    /^f: small-frames: gcc tells of a stack frame whose size is dynamic/,
  );
});
test("frames as they are read from the code are those that gcc tells of", () => {
  // gcc leaves out the number of a function's copy (`.constprop.0`): of several, the smallest.
  const told = new Map<string, number>();
  for (const line of readFileSync(join(ROOT, "build/core.su"), "utf8").trim().split("\n")) {
    const [place = "", bytes] = line.split("\t");
    const name = place.split(":").at(-1) ?? "";
    told.set(name, Math.min(told.get(name) ?? Number.POSITIVE_INFINITY, Number(bytes)));
  }
  let compared = 0;
  for (const code of disassemble("build/hyper-lite.elf")) {
    const bytes = told.get(code.name.replace(/\.\d+$/, ""));
    if (bytes === undefined) continue;
    compared++;
    assert.ok((frameOf(code) ?? 0) >= bytes, `${code.name}: ${frameOf(code)}, gcc: ${bytes}`);
  }
  assert.ok(compared > 50, `${compared} functions compared`);
});

const chain = (entry: string, bytes: number): string =>
  `${USE}__attribute__((noinline)) static void g(void) { char a[${bytes}]; use(a); __asm__ volatile("" ::: "memory"); }
   void ${entry}(void) { char a[${bytes}]; use(a); g(); g(); __asm__ volatile("" ::: "memory"); }`;
test("a deep stack is refused", () => {
  refuses(
    stacks,
    machine({ c: chain("hl_sync", 9000) }),
    /^hl_sync: stacks: its stack is up to 18\d\d\d bytes deep, it has 16320; shorten the chain hl_sync 90\d\d > g 90\d\d/,
  );
});
test("the emergency stack is smaller", () => {
  refuses(stacks, machine({ c: chain("hl_crash", 4096) }), /^hl_crash: stacks: .* it has 8192/);
  accepts(stacks, machine({ c: chain("hl_crash", 3000) }));
});
const RECURSION = `${USE}__attribute__((noinline)) void f(int n) { char a[100]; use(a); if (n) f(n - 1); use(a); } void hl_irq(void) { f(6); use(0); }`;
test("recursion of unknown depth is refused", () => {
  refuses(stacks, machine({ c: RECURSION }), /^f: stacks: calls itself \(f\), to no known depth/);
});
test("recursion counts as often as it may happen", () => {
  const depth = (times: number): number => {
    const { figures, problems } = apply([stacks], machine({ c: RECURSION, bounds: new Map([["src/f", times]]) }));
    assert.deepEqual(problems, []);
    return Number(/deepest stack of hl_irq: (\d+) of/.exec(figures.join())?.[1]);
  };
  const step = depth(2) - depth(1);
  assert.ok(step > 100);
  assert.equal(depth(7) - depth(1), 6 * step);
});
test("a call through a register is refused", () => {
  refuses(
    stacks,
    machine({ c: 'void f(void (*g)(void)) { g(); __asm__ volatile(""); }' }),
    /^f: stacks: a call through a register; call functions by name/,
  );
});

test("a vector register is refused", () => {
  refuses(
    vectorRegisters,
    machine({ assembly: "f: ldr q0, [x0]\n ret" }),
    /^f: no-vector-registers: `ldr q0, \[x0\]` touches a vector register; only fp_load and fp_save may/,
  );
  refuses(vectorRegisters, machine({ assembly: "f: fmov d1, x0\n ret" }), /`fmov d1, x0`/);
  refuses(vectorRegisters, machine({ assembly: "f: movi v7.16b, #0\n ret" }), /`movi/);
  accepts(
    vectorRegisters,
    machine({ assembly: "fp_load: ldp q0, q1, [x0]\n ret\nf: b 1f\n1: mov x0, #0xd0\n mrs x1, s3_0_c12_c12_0\n ret" }),
  );
});

for (const register of ["ttbr0_el2", "tcr_el2", "sctlr_el2", "vbar_el2"]) {
  test(`writing ${register} is refused outside boot.S`, () => {
    refuses(
      guardedRegisters,
      machine({ assembly: `f: msr ${register}, x0\n ret` }),
      new RegExp(`^f: guarded-registers: \`msr ${register}, x0\` outside boot\\.S`),
    );
    accepts(guardedRegisters, machine({ assembly: `start: msr ${register}, x0\n mrs x0, ${register}\n ret` }));
  });
}

test("a trap of gcc's own is refused", () => {
  refuses(
    traps,
    machine({ c: "void f(void) { __builtin_trap(); }" }),
    /^f: traps: `brk #0x3e8` is none of our traps: gcc has found undefined behaviour here/,
  );
});
test("a function without an end is refused", () => {
  refuses(
    traps,
    machine({ c: "extern int x; void f(void) { x = 1; __builtin_unreachable(); }" }),
    /^f: traps: runs on into what lies behind it/,
  );
});
test("other ways to stop are refused", () => {
  refuses(traps, machine({ assembly: "f: hlt #0xf000\n ret" }), /^f: traps: `hlt #0xf000`: a trap is a BRK/);
});
test("traps of ours, and ends that call what never returns, are allowed", () => {
  const stop = '__attribute__((noinline)) void stop(void) { for (;;) __asm__ volatile("wfi"); }';
  accepts(traps, machine({ c: `${stop} void f(int n) { if (n) __asm__ volatile("brk #0x201"); stop(); }` }));
});

const WAITING = /spin-loops: a loop that only waits; put WFE or YIELD into it/;
test("a loop that waits in a tight circle is refused", () => {
  refuses(spinLoops, machine({ c: "void f(volatile int *p) { while (*p == 0) {} }" }), WAITING);
  refuses(spinLoops, machine({ assembly: "f: mrs x0, cntpct_el0\n cmp x0, x1\n b.lo f\n ret" }), /^f\+0x8: spin-loops/);
  refuses(spinLoops, machine({ assembly: "f: b f" }), WAITING);
  refuses(spinLoops, machine({ assembly: "f: ldar w0, [x1]\n tbz w0, #3, f\n ret" }), WAITING);
  refuses(spinLoops, machine({ assembly: "f: ldr w0, [x1, #24]\n str w2, [x3]\n cbnz w0, f\n ret" }), WAITING);
});
test("a loop that lets others run, or gets on by itself, is allowed", () => {
  accepts(spinLoops, machine({ c: 'void f(volatile int *p) { while (*p == 0) __asm__ volatile("yield"); }' }));
  accepts(spinLoops, machine({ assembly: "f: wfe\n ldar w0, [x1]\n cbz w0, f\n ret" }));
  accepts(spinLoops, machine({ c: "void f(volatile int *p, int n) { for (int i = 0; i < n; i++) p[i] = 0; }" }));
  accepts(spinLoops, machine({ c: "int f(volatile char *p) { int n = 0; while (*p++) n++; return n; }" }));
  accepts(
    spinLoops,
    machine({ c: 'struct s { struct s *next; }; void f(struct s *p) { while (p) p = p->next; __asm__("" :: "r"(p)); }' }),
  );
  accepts(
    spinLoops,
    machine({ c: "int f(int *p) { return __atomic_fetch_add(p, 1, __ATOMIC_ACQ_REL); }", flags: ["-mno-outline-atomics"] }),
  );
});

test("a branch back to a shared way out is no loop, one that comes round by another way is", () => {
  const exit = (end: string): string => `f: ldr w0, [x1]\n cbnz w0, 1f\n${end}\n1: ldr w0, [x2]\n cbz w0, 2b\n ret`;
  accepts(spinLoops, machine({ assembly: `${exit("2: ldr x3, [x4]\n b 3f")}\n3: ret` }));
  refuses(spinLoops, machine({ assembly: exit("2: ldr x3, [x4]\n b 1f") }), WAITING);
});

const sections = (flags: string): string =>
  `  0 .text  00001000  0000800000000000  0000800000000000  00010000  2**11  ${flags}\n`;
test("a section that is writable and executable is refused", () => {
  const none = Buffer.alloc(0);
  refuses(
    writeOrExecute,
    { sections: sections("CONTENTS, ALLOC, LOAD, CODE"), stage1: none },
    /^section \.text: w\^x: writable and executable/,
  );
  accepts(writeOrExecute, { sections: sections("CONTENTS, ALLOC, LOAD, READONLY, CODE"), stage1: none });
  accepts(writeOrExecute, { sections: sections("CONTENTS, ALLOC, LOAD, DATA"), stage1: none });
});
test("a page that is writable and executable is refused", () => {
  const entry = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(16);
    bytes.writeBigUInt64LE(value, 8);
    return bytes;
  };
  const page = 0x703n | (1n << 6n);
  refuses(writeOrExecute, { sections: "", stage1: entry(page) }, /^stage 1, entry 1: w\^x: 0x743 is writable and executable/);
  for (const fine of [page | (1n << 7n), page | (1n << 54n), 0x5003n, 0n])
    accepts(writeOrExecute, { sections: "", stage1: entry(fine) });
});

test("a large image is refused", () => {
  refuses(imageSize, 262144, /^build\/hyper-lite\.Image: image-size: 262144 bytes, less than 262144 are allowed/);
  accepts(imageSize, 262143);
});
