// The sides of the HAL: src/hal/ against core.wasm, metal/ and sim/.

import { test } from "node:test";
import { declaredIn, definedIn, halAgreement, importedBy, type Sides } from "../../../tool/chain/checks/hal-agreement.ts";
import { inlineAssembly } from "../../../tool/chain/checks/inline-assembly.ts";
import { accepts, refuses, sources, wasm } from "./refuses.ts";

const HAL = {
  "src/hal/phys.ts":
    'import { Pa } from "./addr";\nexport declare function read32(pa: Pa): u32;\nexport declare function zero(pa: Pa, bytes: u64): void;',
};
const inline = (result: string, name: string, params: string): string =>
  `static inline __attribute__((always_inline)) ${result} w2c_phys_${name}(__attribute__((unused)) struct w2c_phys *instance_ ${params}) { }\n`;
const READ = inline("u32", "read32", ", u64 pa");
const ZERO = inline("void", "zero", ", u64 pa, u64 bytes");

const sides = ({
  hal = HAL,
  wat = "",
  metal = READ + ZERO,
  sim = ["phys.read32", "phys.zero"],
}: {
  hal?: Record<string, string>;
  wat?: string;
  metal?: string;
  sim?: string[];
}): Sides => ({
  declared: declaredIn(sources(hal)),
  imported: importedBy(wasm(`(module ${wat})`).imports),
  metal: definedIn(metal),
  sim: new Set(sim),
});
const imported = (name: string, type: string): string => `(import "phys" "${name}" (func ${type}))`;

test("sides that agree pass", () => {
  accepts(halAgreement, sides({ wat: imported("read32", "(param i64) (result i32)") }));
  accepts(halAgreement, { ...sides({}), sim: undefined });
});
test("an import that is not declared is refused", () => {
  refuses(
    halAgreement,
    sides({ wat: imported("peek", "(param i64)") }),
    /core\.wasm: hal: imports phys\.peek \(i64\) -> nothing, which src\/hal\/ does not declare/,
  );
});
test("an import of another type is refused", () => {
  refuses(
    halAgreement,
    sides({ wat: imported("read32", "(param i32) (result i32)") }),
    /imports phys\.read32 as \(i32\) -> i32, src\/hal\/ declares \(i64\) -> i32/,
  );
});
test("a declaration without an inline is refused", () => {
  refuses(halAgreement, sides({ metal: READ }), /^src\/hal\/ phys\.zero: hal: metal\/hal\.h does not define it/);
});
test("an inline without a declaration is refused", () => {
  refuses(
    halAgreement,
    sides({ metal: READ + ZERO + inline("u64", "peek", ", u64 pa") }),
    /metal\/hal\.h: hal: defines phys\.peek \(i64\) -> i64, which src\/hal\/ does not declare; remove it/,
  );
});
test("an inline of another type is refused", () => {
  refuses(
    halAgreement,
    sides({ metal: READ + inline("void", "zero", ", u64 pa, u32 bytes") }),
    /defines phys\.zero as \(i64, i32\) -> nothing, src\/hal\/ declares \(i64, i64\) -> nothing/,
  );
});
test("two inlines of a name are refused", () => {
  refuses(halAgreement, sides({ metal: READ + ZERO + ZERO }), /metal\/hal\.h: hal: defines phys\.zero twice/);
});
test("what the simulator lacks is refused", () => {
  refuses(halAgreement, sides({ sim: ["phys.read32"] }), /^src\/hal\/ phys\.zero: hal: sim\/ does not have it/);
});
test("what the simulator alone has is refused", () => {
  refuses(
    halAgreement,
    sides({ sim: ["phys.read32", "phys.zero", "phys.peek"] }),
    /^sim\/: hal: has phys\.peek, which src\/hal\/ does not declare; remove it/,
  );
});
test("a type that does not pass the door is refused", () => {
  const hal = {
    "src/hal/phys.ts":
      "export declare function read32(pa: u64): u32;\nexport declare function zero(pa: u64, bytes: string): void;",
  };
  const metal = READ + inline("void", "zero", ", u64 pa, string bytes");
  refuses(halAgreement, sides({ hal, metal }), /a type that does not pass the door; take numbers and addresses/);
});

test("inline assembly that gcc could drop or move is refused", () => {
  refuses(
    inlineAssembly,
    'f() { __asm__("isb" ::: "memory"); }',
    /^metal\/: inline-assembly: `"isb" ::: "memory"\)` is not volatile; write ASM/,
  );
  refuses(inlineAssembly, '__asm__ volatile("dsb sy" :::);', /`"dsb sy" :::\)` does not clobber memory; add : "memory"/);
  accepts(
    inlineAssembly,
    'register u64 x0 __asm__("x0") = 1; __asm__ volatile("smc #0" : "+r"(x0) :: "memory"); __asm__ volatile("mrs %0, ctr_el0" : "=r"(x0));',
  );
});
