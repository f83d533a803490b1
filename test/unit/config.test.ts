// Runs every mistake under test/unit/config/, each a file of its own, in one process; then holds that none is missing: every rule has been
// shown, and nothing was said that is no rule.

import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rules, valueRules } from "../../tool/config/rules.ts";
import { shown } from "./config/refused.ts";

const folder = join(import.meta.dirname, "config");
for (const file of globSync("*.ts", { cwd: folder }).sort()) await import(join(folder, file));

const HOLE = "\0";
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** What each rule looks like, whatever words it is about. */
const patterns = new Map<string, RegExp>([
  ...Object.entries(valueRules).map(([name, words]) => [name, new RegExp(`^${escaped(words)}$`)] as const),
  ...Object.entries(rules).map(([name, words]) => {
    const text = (words as (...about: string[]) => string)(...Array<string>(words.length).fill(HOLE));
    return [name, new RegExp(`^${escaped(text).replaceAll(HOLE, ".+")}$`)] as const;
  }),
]);

test("every rule is shown by a mistake", () => {
  const missing = [...patterns].filter(([, pattern]) => ![...shown].some((rule) => pattern.test(rule))).map(([name]) => name);
  assert.deepEqual(missing, []);
});

test("every message is a rule", () => {
  assert.deepEqual(
    [...shown].filter((rule) => ![...patterns.values()].some((pattern) => pattern.test(rule))),
    [],
  );
});
