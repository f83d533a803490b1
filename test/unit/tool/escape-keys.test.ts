// The keys that leave the console.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EscapeKeys } from "../../../tool/escape-keys.ts";

const feedTo = (coreHasKeys: boolean, chunks: readonly string[]): { forward: string; leave: boolean } => {
  const keys = new EscapeKeys(coreHasKeys);
  const results = chunks.map((chunk) => keys.feed(Buffer.from(chunk)));
  return { forward: results.map(({ forward }) => forward).join(""), leave: results.some(({ leave }) => leave) };
};

const feed = (...chunks: string[]): { forward: string; leave: boolean } => feedTo(false, chunks);
/** With a core that has keys of its own. */
const feedCore = (...chunks: string[]): { forward: string; leave: boolean } => feedTo(true, chunks);

test("keys pass", () => assert.deepEqual(feed("ls\r", "\u0003"), { forward: "ls\r\u0003", leave: false }));
test("Ctrl-A x leaves", () => assert.deepEqual(feed("ab\u0001xcd"), { forward: "ab", leave: true }));
test("Ctrl-A and x may come apart", () => assert.deepEqual(feed("\u0001", "x"), { forward: "", leave: true }));
test("Ctrl-A a sends Ctrl-A", () => assert.deepEqual(feed("\u0001a"), { forward: "\u0001", leave: false }));
test("Ctrl-A Ctrl-A sends one Ctrl-A", () => assert.deepEqual(feed("\u0001\u0001x"), { forward: "\u0001x", leave: false }));
test("Ctrl-A and another key send both", () => assert.deepEqual(feed("\u0001k"), { forward: "\u0001k", leave: false }));

test("keys of the core reach it as they are typed", () => {
  assert.deepEqual(feedCore("a\u00012", "b\u0001", "a\u0001\u0001\u0001h"), {
    forward: "a\u00012b\u0001a\u0001\u0001\u0001h",
    leave: false,
  });
});
test("Ctrl-A x leaves, whatever keys the core has", () =>
  assert.deepEqual(feedCore("\u00012x\u0001xy"), { forward: "\u00012x", leave: true }));
