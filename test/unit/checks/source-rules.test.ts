// Rules on the sources: each refuses a snippet that breaks it, with a message that says where and what to do, and leaves its twin alone.

import { test } from "node:test";
import { allocation } from "../../../tool/chain/checks/allocation.ts";
import { compatibles, deviceRegisters } from "../../../tool/chain/checks/boards.ts";
import { decorators } from "../../../tool/chain/checks/decorators.ts";
import { defaultParameters } from "../../../tool/chain/checks/default-parameters.ts";
import { door } from "../../../tool/chain/checks/door.ts";
import { doubleEvaluation } from "../../../tool/chain/checks/double-evaluation.ts";
import { emptyLoops } from "../../../tool/chain/checks/empty-loops.ts";
import { overrides } from "../../../tool/chain/checks/overrides.ts";
import type { Rule } from "../../../tool/chain/checks/rule.ts";
import { shifts } from "../../../tool/chain/checks/shifts.ts";
import { noIgnore } from "../../../tool/chain/checks/types.ts";
import { closures, exceptions, plainTypes } from "../../../tool/chain/checks/unsupported.ts";
import type { Source } from "../../../tool/chain/sources.ts";
import { accepts, refuses, source, sources } from "./refuses.ts";

type SourceRule = Rule<readonly Source[]>;

const refused: [string, SourceRule, string, RegExp][] = [
  ["@ts-ignore", noIgnore, "\n// @ts-ignore\nlet x: u32 = 1;", /^src\/lib\/sample\.ts:2: no-ts-ignore: @ts-ignore; write a cast/],
  ["@ts-expect-error", noIgnore, "// @ts-expect-error", /@ts-expect-error; write a cast/],
  ["@inline", decorators, "class A {\n  @inline f(): void {}\n}", /sample\.ts:2: decorators: @inline; leave it out/],
  ["@unmanaged on a method", decorators, "class A {\n  @unmanaged f(): void {}\n}", /@unmanaged on something that is no class/],
  ["another decorator on a class", decorators, "@final class A {}", /@final; a record has @unmanaged and nothing else/],
  ["new", allocation, "class A {}\nconst a = new A();", /sample\.ts:2: no-allocation: `new`; take records from the arena/],
  ["an object", allocation, "const a = { b: 1 };", /an object on the heap; take records/],
  ["an array", allocation, "const a = [1, 2];", /an array on the heap; write memory\.data/],
  ["a template string", allocation, "const b = `a$" + "{1}`;", /a template string is made on the heap; log with/],
  ["heap.alloc", allocation, "const a = heap.alloc(8);", /heap\.alloc; take records/],
  ["__new", allocation, "const a = __new(8, 0);", /__new; take records/],
  [
    "a[i++] += x",
    doubleEvaluation,
    "a[i++] += x;",
    /double-evaluation: `a\[i\+\+\]` would be evaluated twice; put what it steps/,
  ],
  ["f().x |= y", doubleEvaluation, "f().x |= y;", /`f\(\)\.x` would be evaluated twice/],
  ["a[--i]++", doubleEvaluation, "a[--i]++;", /`a\[--i\]` would be evaluated twice/],
  ["1 << 40", shifts, "const a: u64 = 1 << 40;", /shifts: `1 << 40` does not fit into 32 bits; write \(… as u64\) << n/],
  ["1 << 31, a sign", shifts, "const a: u64 = 1 << 31;", /`1 << 31` does not fit into 32 bits/],
  ["1 << n", shifts, "const a = 1 << n;", /`1 << n` has no stated width; write \(… as u32\) << n/],
  ["(1 as u32) << 32", shifts, "const a = (1 as u32) << 32;", /does not fit into 32 bits/],
  ["(3 as u32) << 31", shifts, "const a = (3 as u32) << 31;", /does not fit into 32 bits/],
  ["(x as u64) << 64", shifts, "const a = (x as u64) << 64;", /does not fit into 64 bits/],
  ["0xff_ffff << 8", shifts, "const a = 0xff_ffff << 8;", /does not fit into 32 bits/],
  [
    "an arrow function",
    closures,
    "const f = (): u32 => 1;",
    /no-closures: a function as a value needs a table; write a function at top level/,
  ],
  ["a function expression", closures, "const f = function (): u32 { return 1; };", /a function as a value needs a table/],
  [
    "a function in a function",
    closures,
    "function f(): void {\n  function g(): void {}\n}",
    /sample\.ts:2: .*a function in a function; move it/,
  ],
  ["a union type", plainTypes, "let a: A | null;", /plain-types: a union type; choose by an id/],
  ["a rest parameter", plainTypes, "function f(...all: u32[]): void {}", /a rest parameter; take as many as are needed/],
  ["import type", plainTypes, 'import type { A } from "./a";', /asc rejects `import type`; write `import`/],
  ["import { type … }", plainTypes, 'import { type A } from "./a";', /asc rejects `import \{ type … \}`/],
  [
    "throw",
    exceptions,
    "function f(): void { throw 1; }",
    /no-exceptions: exceptions; return a result, or stop with halt\.crash/,
  ],
  ["try", exceptions, "function f(): void { try { g(); } finally {} }", /no-exceptions/],
  [
    "an import elsewhere than in the HAL",
    door,
    "export declare function f(): void;",
    /door: an import from outside; declare it in src\/hal\//,
  ],
  [
    "an empty while loop",
    emptyLoops,
    "function f(): void { while (g() == 0) {} }",
    /no-empty-loops: a loop that only waits; call cpu\.relax\(\)/,
  ],
  ["an empty for loop", emptyLoops, "function f(): void { for (; g(); ); }", /a loop that only waits/],
  [
    "a device's registers",
    deviceRegisters,
    'import * as mmio from "../hal/mmio";',
    /boards: registers of the board's devices; write a driver/,
  ],
  [
    "a device's name",
    compatibles,
    'const a = "arm,pl011";',
    /boards: the name of a device of a board, "arm,pl011"; src\/drivers\/ finds devices/,
  ],
];

for (const [name, rule, text, message] of refused) test(`refused: ${name}`, () => refuses(rule, source(text), message));

const allowed: [string, SourceRule, string][] = [
  ["@unmanaged on a class", decorators, "@unmanaged\nclass A {}"],
  ["arrays in static data", allocation, "const a = memory.data<u64>([1, 2]);"],
  ["the end of static data", allocation, "const a = __heap_base;"],
  ["a[i] += x", doubleEvaluation, "a[i] += x; i++; a[i + 1]--;"],
  ["a call on the right", doubleEvaluation, "a.b |= f(i++);"],
  ["shifts that say their width", shifts, "const a = ((1 as u64) << 40) | ((1 as u32) << n) | (3 << 20) | (x << n) | (0 << 2);"],
  ["default parameters elsewhere than in main.ts", defaultParameters, "export function f(a: u64 = 0): void {}"],
  ["type aliases", plainTypes, "type A = u64; let a: A;"],
  ["a loop with cpu.relax()", emptyLoops, "function f(): void { while (g() == 0) cpu.relax(); }"],
  ["a loop that counts", emptyLoops, "function f(): void { for (let i = 0; g(i); i++) {} }"],
];

for (const [name, rule, text] of allowed) test(`allowed: ${name}`, () => accepts(rule, source(text)));

test("refused: a method that overrides another, in another file", () => {
  const files = {
    "src/lib/a.ts": "@unmanaged\nexport class A { f(): u32 { return 1; } }",
    "src/lib/b.ts": "@unmanaged\nexport class B extends A {}",
    "src/lib/c.ts": "@unmanaged\nexport class C extends B {\n  f(): u32 { return 2; }\n}",
  };
  refuses(overrides, sources(files), /^src\/lib\/c\.ts:3: no-overrides: f overrides that of A; write a function with a `switch`/);
});

test("refused: a default parameter of an exported function", () => {
  const main = { "src/main.ts": "export function boot(a: u64 = 0): void {}" };
  refuses(
    defaultParameters,
    sources(main),
    /^src\/main\.ts:1: no-default-parameters: a default parameter of a function that the vectors call/,
  );
});

test("refused: a function with a body in the HAL", () => {
  refuses(
    door,
    sources({ "src/hal/cpu.ts": "export function f(): void {}" }),
    /src\/hal\/cpu\.ts:1: door: a function with a body/,
  );
});

test("allowed: declarations in the HAL, registers in drivers, the console's own", () => {
  accepts(door, sources({ "src/hal/cpu.ts": "export declare function f(): void;" }));
  const mmio = 'import * as mmio from "../hal/mmio";';
  accepts(deviceRegisters, sources({ "src/drivers/a.ts": mmio, "src/log/uart.ts": mmio }));
  accepts(compatibles, sources({ "src/drivers/a.ts": 'const a = "arm,pl011";' }));
});
