// Rules on core.wasm: each refuses a module that breaks it.

import { test } from "node:test";
import { layout } from "../../../abi/layout.ts";
import { callsOf, exportsOf } from "../../../tool/chain/checks/wasm-exports.ts";
import { floats } from "../../../tool/chain/checks/wasm-floats.ts";
import { memory } from "../../../tool/chain/checks/wasm-memory.ts";
import { offsets } from "../../../tool/chain/checks/wasm-offsets.ts";
import { recursion } from "../../../tool/chain/checks/wasm-recursion.ts";
import { memoryGrowth, mutableGlobals, runtime } from "../../../tool/chain/checks/wasm-state.ts";
import { tables } from "../../../tool/chain/checks/wasm-tables.ts";
import { recursionBounds } from "../../../tool/chain/sources.ts";
import type { WasmModule } from "../../../tool/chain/wasm.ts";
import { accepts, refuses, sources, wasm } from "./refuses.ts";

const FLOAT = /^src\/a\/f: no-floats: floating point; count in integers/;
for (const body of [
  "(drop (f32.const 1))",
  "(drop (f64.load (i32.const 0)))",
  "(drop (i32.trunc_sat_f64_s (f64.const 1)))",
  "(drop (i64.reinterpret_f64 (f64.const 1)))",
  "(local f32)",
]) {
  test(`floating point is refused: ${body}`, () => refuses(floats, wasm(`(module (memory 1) (func $src/a/f ${body}))`), FLOAT));
}
test("integers are no floating point", () => {
  accepts(
    floats,
    wasm("(module (func (param i64) (result i32) (i32.wrap_i64 (i64.extend8_s (i64.rotl (local.get 0) (i64.const -1))))))"),
  );
});

test("a table is refused", () =>
  refuses(tables, wasm("(module (table 1 funcref))"), /core\.wasm: no-tables: a table.*choose by a `switch`/));
test("an element section is refused", () => {
  refuses(tables, { ...wasm("(module (table 1 funcref) (func $f) (elem (i32.const 0) $f))"), tables: 0 }, /an element section/);
});
test("an indirect call is refused", () => {
  const module = wasm("(module (table 1 funcref) (func $src/a/f (call_indirect (i32.const 0))))");
  refuses(tables, { ...module, tables: 0 }, /^src\/a\/f: no-tables: an indirect call; call functions by name/);
});

test("a mutable global is refused", () => {
  refuses(
    mutableGlobals,
    wasm("(module (global (mut i32) (i32.const 0)))"),
    /core\.wasm: no-mutable-globals: 1 mutable global.*memory\.data/,
  );
});
test("a constant global is allowed", () => accepts(mutableGlobals, wasm("(module (global i64 (i64.const -5)))")));
test("memory.grow is refused", () => {
  refuses(
    memoryGrowth,
    wasm("(module (memory 1) (func $src/a/f (drop (memory.grow (i32.const 1)))))"),
    /^src\/a\/f: no-memory-growth: memory\.grow; take records/,
  );
});
test("a memory of another size is refused, and one that comes from elsewhere", () => {
  const size = layout.WINDOW_PAGES;
  accepts(memory, wasm(`(module (memory ${size} ${size}))`));
  refuses(
    memory,
    wasm(`(module (memory ${size} 65536))`),
    /^core\.wasm: memory: a memory of 160 to 65536 pages; abi\/layout\.ts says 160/,
  );
  refuses(memory, wasm(`(module (memory ${size}))`), /a memory of 160 to any number of pages/);
  refuses(memory, wasm(`(module (memory 1 ${size}))`), /a memory of 1 to 160 pages/);
  refuses(memory, wasm(`(module (import "a" "b" (memory ${size} ${size})))`), /0 memories; the window is the only one/);
});
test("static data outside of what is mapped is refused", () => {
  const size = layout.WINDOW_PAGES;
  const data = (at: string): WasmModule => wasm(`(module (memory ${size} ${size}) (data (${at}) "four"))`);
  accepts(memory, data("i32.const 65536"));
  accepts(memory, data(`i32.const ${size * 65536 - 4}`));
  const outside = /^core\.wasm: memory: static data at 0x\w+, 4 bytes, outside of what is mapped \(--memoryBase\)/;
  refuses(memory, data("i32.const 65532"), outside);
  refuses(memory, data("i32.const 0"), outside);
  refuses(memory, data(`i32.const ${size * 65536 - 3}`), outside);
  refuses(memory, data("i32.const 0x80000000"), /static data at 0x80000000/);
  refuses(
    memory,
    wasm(`(module (memory ${size} ${size}) (data "four"))`),
    /^core\.wasm: memory: a data segment that is placed at run time/,
  );
});
test("AssemblyScript's heap is refused", () => {
  refuses(
    runtime,
    wasm("(module (func $~lib/rt/stub/__new))"),
    /no-runtime: a function of AssemblyScript's heap, ~lib\/rt\/stub\/__new/,
  );
});

test("a static offset beyond what is unmapped is refused", () => {
  const load = (offset: number) => wasm(`(module (memory 2) (func $src/a/f (drop (i64.load offset=${offset} (i32.const 0)))))`);
  refuses(
    offsets,
    load(0x10000),
    /^src\/a\/f: small-offsets: a load or store at the static offset 0x10000: a null record would not fault/,
  );
  accepts(offsets, load(0xffff));
});

const calls = new Set(["boot"]);
test("an export that nobody calls is refused", () => {
  const module = wasm('(module (memory (export "memory") 1) (func (export "boot")) (func (export "extra")))');
  refuses(exportsOf(calls), module, /^src\/main\.ts: exports: exports extra, which metal\/core\.c does not call/);
});
test("a missing export is refused", () => {
  refuses(
    exportsOf(callsOf("void f(void) { w2c_core_boot(instance, 0); }")),
    wasm("(module)"),
    /^metal\/core\.c: exports: calls boot, which src\/main\.ts does not export/,
  );
});
test("an exported global is refused", () => {
  refuses(exportsOf(new Set()), wasm('(module (global (export "g") i32 (i32.const 0)))'), /exports the global g/);
});
test("an imported memory is refused", () => {
  refuses(exportsOf(new Set()), wasm('(module (memory (import "env" "memory") 1))'), /imports env\.memory, which is no function/);
});
test("a start function is refused", () => {
  refuses(
    exportsOf(new Set()),
    wasm("(module (func $f) (start $f))"),
    /a start function, from code at top level; move it into `boot`/,
  );
});

test("recursion is refused", () => {
  refuses(
    recursion(new Map()),
    wasm("(module (func $src/a/f (call $src/a/f)))"),
    /^src\/a\/f: no-recursion: calls itself; make it a loop, or bound the depth/,
  );
});
test("recursion in a circle is refused, bound or not", () => {
  const circle = wasm('(module (import "m" "n" (func)) (func $src/a/f (call $src/a/g)) (func $src/a/g (call $src/a/f)))');
  refuses(recursion(new Map([["src/a/f", 3]])), circle, /calls itself by way of src\/a\/[fg]; make it a loop/);
});
test("recursion bounded by a constant that is not there is refused", () => {
  const bounds = recursionBounds(sources({ "src/a.ts": "// recursion: at most MAX deep\nfunction f(): void {}" }));
  refuses(recursion(bounds), wasm("(module (func $src/a/f (call $src/a/f)))"), /^src\/a\/f: no-recursion/);
});
test("recursion of a depth that a comment bounds is allowed", () => {
  const text = "const MAX: u32 = 6;\n/** Does it. */\n// recursion: at most MAX deep\nfunction f(): void {}";
  accepts(recursion(recursionBounds(sources({ "src/a.ts": text }))), wasm("(module (func $src/a/f (call $src/a/f)))"));
});
