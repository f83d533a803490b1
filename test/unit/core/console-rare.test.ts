// The console where it has the most VMs that there can be, and none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Console } from "./console-alone.ts";
import { kinds, notes } from "./console-output.ts";

const A = "\x01";
const MOST = 64;

test("the log has the focus: p goes to the last VM, n to the first", () => {
  const console = new Console(true, MOST);
  for (const [key, vm] of [
    ["p", MOST - 1],
    ["n", 0],
  ] as const) {
    console.type(`${A}0`);
    console.take();
    console.type(`${A}${key}`);
    assert.equal(console.core.focus(), vm);
  }
});

test("whole lines on a slow line: behind the last of 64 VMs it is the first one's turn", () => {
  const console = new Console(false, MOST, 4);
  for (const n of [63, 62, 0, 1]) console.print(n, `line of ${n}\r\n`);
  assert.deepEqual(
    Array.from(console.take().matchAll(/line of (\d+)/g), ([, n]) => n),
    ["63", "0", "1", "62"],
  );
});

test("where no VM runs, n and p say so, and what is typed goes nowhere", () => {
  const console = new Console(true, 0);
  console.core.setMode(1, 2);
  for (const key of ["n", "p"]) {
    console.take();
    console.type(`${A}${key}`);
    assert.deepEqual(notes(console.take()), ["no VM runs"]);
  }
  console.type("typed for nobody");
  console.open(0);
  assert.equal(console.read(0), "");
  console.print(0, "up\r\n");
  assert.ok(kinds(console.take()).includes("vm: up\r\n"));
});
