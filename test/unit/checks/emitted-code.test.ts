// What the sandbox rests on in the emitted code: the C that wasm2c makes, what the object refers to, the flags it was compiled with, the segments of
// the ELF file. Each rule refuses what breaks it.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eretBarrier } from "../../../tool/chain/checks/eret-barrier.ts";
import { flags } from "../../../tool/chain/checks/flags.ts";
import { generatedC } from "../../../tool/chain/checks/generated-c.ts";
import { declaredBy, type Linkage, references } from "../../../tool/chain/checks/references.ts";
import { apply } from "../../../tool/chain/checks/rule.ts";
import { segments } from "../../../tool/chain/checks/segments.ts";
import { cFlags, gcc, readelf, recordedFlags } from "../../../tool/chain/compile.ts";
import { run } from "../../../tool/chain/run.ts";
import { scratch } from "../scratch.ts";
import { accepts, machine, refuses } from "./refuses.ts";

// --- generated C

const LOAD = `static inline u32 i32_load_unchecked(wasm_rt_memory_t* mem, u64 addr) { u32 result; __builtin_memcpy(&result, &((mem)->data[addr]), sizeof(u32)); __asm__("" ::"r"(result));; return (u32)(u32)result; } static inline u32 i32_load_default32(wasm_rt_memory_t* mem, u64 addr) { ;; return i32_load_unchecked(mem, addr); }`;
const STORE = `static inline void i32_store_unchecked(wasm_rt_memory_t* mem, u64 addr, u32 value) { u32 wrapped = (u32)value; __builtin_memcpy(&((mem)->data[addr]), &wrapped, sizeof(u32)); } static inline void i32_store_default32(wasm_rt_memory_t* mem, u64 addr, u32 val1) { ;; i32_store_unchecked(mem, addr, val1); }`;
const generated = (line: string, prelude = `${LOAD}\n${STORE}`): string => `${prelude}
u32 w2c_core_src0x2Fa0x2Ff(w2c_core* instance, u32 var_p0, u64 var_p1) {
  u32 var_l2 = 0;
  u32 var_i0, var_i1;
  u64 var_j0;
  var_i0 = var_p0;
  var_i0 = i32_load_default32(&instance->w2c_memory, (u64)(var_i0) + 1000u);
  ${line}
  return var_i0;
}
`;

test("what wasm2c writes is allowed", () => {
  for (const line of [
    "i32_store_default32(&instance->w2c_memory, (u64)(var_p0), var_i1);",
    "i32_store_default32(&instance->w2c_memory, (u64)(var_l2) + 65535, var_i1);",
    "var_i0 &= var_i1;",
    "var_i0 *= var_i1;",
    "var_i0 = (u32)((s32)var_i0 >> (var_i1 & 31));",
    "var_i0 = (((var_i0) << ((var_i1) & (31))) | ((var_i0) >> (((31) - (var_i1) + 1) & (31))));",
    "var_i0 = ((__builtin_expect(!!((var_i1) == 0), 0)) ? (wasm_rt_trap(WASM_RT_TRAP_DIV_BY_ZERO), 0) : ((var_i0)/(var_i1)));",
    "var_j0 = w2c_sysreg_readHcrEl2(instance->w2c_sysreg_instance);",
    "var_i0 = w2c_core_src0x2Fb0x2Fg(instance, var_i0, var_j0);",
    "memory_fill(&instance->w2c_memory, var_i0, var_i1, var_i0);",
    "if (var_i0) {goto var_B1;}",
    "switch (var_i0) {",
    "var_L0:",
  ])
    accepts(generatedC, generated(line));
});
test("memory that is reached past the accessors is refused", () => {
  const past = /^w2c_core_src0x2Fa0x2Ff: generated-c: `.*`: memory that is reached by no accessor$/;
  for (const line of [
    "var_i0 = instance->w2c_memory.data[var_i0];",
    "var_i0 = *(u32 *)&instance->w2c_memory.data[var_j0];",
    "i32_store_default32(&instance->w2c_memory + 1, (u64)(var_i0), var_i1);",
    "i32_store_default32(&instance->w2c_memory, var_j0, var_i1);",
    "i32_store_default32(&instance->w2c_memory, (u64)(var_i0) + var_j0, var_i1);",
    "var_i0 = i32_load_default32(&instance->w2c_memory, (u64)(var_i0)) + instance->w2c_memory.size;",
  ])
    refuses(generatedC, generated(line), past);
});
test("pointers, other names and calls of others are refused", () => {
  for (const line of [
    "var_i0 = *(u32 *)var_j0;",
    "var_i0 = *var_j0;",
    "var_i0 = var_i1 + *var_j0;",
    "var_j0 = (u64)&var_i0;",
    "var_i0 = var_j0[1];",
    "var_i0 = door.locked;",
    "var_i0 = (u32)(u64)instance;",
    "var_i0 = w2c_cpu_number(instance->w2c_phys_instance);",
    "abort();",
    '__asm__ volatile("svc #0");',
  ])
    refuses(generatedC, generated(line), /^w2c_core_src0x2Fa0x2Ff: generated-c: `.*`: more than variables, memory and calls: `/);
});
test("an address of 64 bits is refused, and an offset that reaches past the unmapped part", () => {
  refuses(
    generatedC,
    generated("i32_store_default32(&instance->w2c_memory, (u64)(var_p1), var_i1);"),
    /an address of more than 32 bits leaves the window/,
  );
  refuses(
    generatedC,
    generated("i32_store_default32(&instance->w2c_memory, (u64)(var_i0) + 65536, var_i1);"),
    /an offset of 64 KiB or more/,
  );
});
test("an accessor that does more than it should is refused", () => {
  const other = /^build\/core\.generated\.c: generated-c: i32_load_default32 is not as wasm2c writes it/;
  refuses(generatedC, generated("", LOAD.replace("data[addr]", "data[addr + 8]")), other);
  refuses(generatedC, generated("", LOAD.replace("(mem, addr);", "(mem + 1, addr);")), other);
  refuses(generatedC, generated("", ""), other);
});
test("C without a function of the core is not believed", () => {
  refuses(generatedC, LOAD, /0 functions of the core were read, it has 0; wasm2c has changed/);
  const other = "\nu32 w2c_core_src0x2Fa0x2Fg(u32 var_p0) {\n  return *(u32 *)var_p0;\n}\n";
  refuses(generatedC, generated("") + other, /1 functions of the core were read, it has 2/);
});

// --- the object

const HEADER =
  "extern u8 image_start[], image_end_of_memory[];\nextern struct door door;\nextern void fp_load(const u8 *v), fp_save(u8 *v);\nextern volatile u32 crashed_cpu;\nextern u64 stage1_tables[32][512u];";
test("the HAL's names are its declarations", () => {
  assert.deepEqual(
    [...declaredBy(HEADER)],
    ["image_start", "image_end_of_memory", "door", "fp_load", "fp_save", "crashed_cpu", "stage1_tables"],
  );
});
const object = (c: string): string => {
  const folder = scratch();
  writeFileSync(join(folder, "core.c"), c);
  run(gcc, [...cFlags, "-fwhole-program", "-w", "-c", join(folder, "core.c"), "-o", join(folder, "core.o")]);
  return join(folder, "core.o");
};
const linkage = (c: string): Linkage => {
  const file = object(c);
  return { symbols: run(readelf, ["-sW", file]), relocations: run(readelf, ["-rW", file]), header: HEADER };
};
const ENTRY = "__attribute__((externally_visible))";
test("a function from elsewhere is refused", () => {
  const { problems } = apply([references], linkage(`extern void printf(int); ${ENTRY} void f(void) { printf(1); }`));
  assert.match(problems.join("\n"), /^core\.o: references: refers to printf, which metal\/hal\.h does not declare/);
});
test("data that changes and is not the HAL's is refused", () => {
  refuses(
    references,
    linkage(`static int state; ${ENTRY} int f(int n) { return state += n; }`),
    /^core\.o: references: state is data that changes and is not the HAL's/,
  );
});
test("a table of functions is refused", () => {
  const c = `static void a(void) { __asm__ volatile("nop"); } static void b(void) { __asm__ volatile("wfe"); }
    static void (*const table[])(void) = {a, b}; ${ENTRY} void f(int n) { table[n](); }`;
  const { problems } = apply([references], linkage(c));
  assert.match(problems.join("\n"), /\.rodata\S* holds the address of \S+; call functions by name/);
});
test("the HAL's names, functions and constants of its own are allowed", () => {
  accepts(
    references,
    linkage(`extern void fp_load(const char *), fp_save(char *); extern char image_start[]; extern volatile int crashed_cpu;
      static const int numbers[] = {3, 1, 4, 1, 5, 9, 2, 6}; int door = 5; __attribute__((noinline)) static int g(int n) { return numbers[n & 7]; }
      ${ENTRY} int f(int n) { fp_load(image_start); fp_save(image_start); return crashed_cpu + door++ + g(n) + g(n + 1); }`),
  );
});

test("a flag of the sandbox that was not used is refused, and what undoes it", () => {
  const compiled = (...options: string[]): string => {
    const folder = scratch();
    writeFileSync(join(folder, "core.c"), "int f;");
    run(gcc, [...options, "-w", "-c", join(folder, "core.c"), "-o", join(folder, "core.o")]);
    return recordedFlags(join(folder, "core.o"));
  };
  const all = [...cFlags, "-fwhole-program"];
  accepts(flags, compiled(...all));
  for (const flag of [
    "-ffreestanding",
    "-mgeneral-regs-only",
    "-fno-aggressive-loop-optimizations",
    "-fno-tree-loop-distribute-patterns",
    "-mno-outline-atomics",
    "-fwhole-program",
    "-fstack-usage",
  ])
    refuses(
      flags,
      compiled(...all.filter((one) => one !== flag)),
      new RegExp(`^core\\.o: flags: was compiled without ${flag}: `),
    );
  const undone = (...more: string[]): string => apply([flags], compiled(...all, ...more)).problems.join("\n");
  assert.match(
    undone("-fstrict-overflow"),
    /^core\.o: flags: was compiled with(out -fno-strict-overflow: | -fstrict-overflow; )/,
  );
  assert.match(undone("-fPIC"), /^core\.o: flags: was compiled with -fPIC; remove it$/m);
  assert.match(undone("-finstrument-functions"), /was compiled with -finstrument-functions; remove it/);
});

// --- the image

test("an ERET without a barrier is refused", () => {
  const message = /^f: eret-barrier: an ERET that no barrier follows; write `dsb nsh` and `isb` behind it/;
  refuses(eretBarrier, machine({ assembly: "f: eret\n nop" }), message);
  refuses(eretBarrier, machine({ assembly: "f: eret\n dsb nsh\n nop" }), message);
  refuses(eretBarrier, machine({ assembly: "f: eret\n isb\n dsb nsh" }), message);
  refuses(eretBarrier, machine({ assembly: "f: eret" }), message);
  accepts(eretBarrier, machine({ assembly: "f: eret\n dsb nsh\n isb" }));
  accepts(eretBarrier, machine({ assembly: "f: eret\ng: dsb sy\n isb" }));
  accepts(eretBarrier, machine({ assembly: ".arch armv8.5-a\nf: eret\n sb" }));
});

test("a segment that is writable and executable is refused", () => {
  const folder = scratch();
  const link = (...options: string[]): string => {
    writeFileSync(join(folder, "a.c"), "int data = 1; int main(void) { return data; }");
    run(gcc, ["-nostdlib", "-static", "-w", "-Wl,-e,main", ...options, join(folder, "a.c"), "-o", join(folder, "elf")]);
    return run(readelf, ["-lW", join(folder, "elf")]);
  };
  accepts(segments, { name: "a.elf", segments: link() });
  refuses(
    segments,
    { name: "a.elf", segments: link("-Wl,-N,--no-warn-rwx-segments") },
    /^a\.elf: segments: a segment \(LOAD\) that is writable and executable; metal\/link\.ld gives each kind its own/,
  );
  const { problems } = apply([segments], { name: "a.elf", segments: link("-Wl,-z,execstack,--no-warn-execstack") });
  assert.match(problems.join("\n"), /^a\.elf: segments: an executable stack$/m);
  refuses(segments, { name: "a.elf", segments: "" }, /has no segment/);
});
