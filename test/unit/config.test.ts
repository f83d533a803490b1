// Runs every mistake under test/unit/config/, each a file of its own, in one process; then holds that none is missing: every rule has been
// shown, and nothing was said that is no rule.

import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkSystem } from "../../tool/config/check.ts";
import { parseSystem } from "../../tool/config/parse.ts";
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
    return [name, new RegExp(`^${escaped(text).replaceAll(HOLE, ".*")}$`)] as const;
  }),
]);

test("every rule is shown by a mistake", () => {
  const missing = [...patterns].filter(([, pattern]) => ![...shown].some((rule) => pattern.test(rule))).map(([name]) => name);
  assert.deepEqual(missing, []);
});

const isRule = (words: string): boolean => [...patterns.values()].some((pattern) => pattern.test(words));

test("every message is a rule", () => {
  assert.deepEqual(
    [...shown].filter((words) => !isRule(words)),
    [],
  );
});

/** Each setting once. */
const right = {
  $schema: "schema",
  name: "all",
  board: { cpus: 1, memory: "1G" },
  scheduler: { policy: "share", slice: 1000 },
  scrubAtBoot: true,
  logLevels: { vgic: "debug" },
  shared: [{ name: "ring", size: 4096 }],
  doorbells: [["guest", "other"]],
  vms: [
    {
      name: "guest",
      memory: "64M",
      vcpus: 1,
      priority: 1,
      affinity: [0],
      share: 1,
      cap: 1,
      kernel: { debian: "u-boot" },
      kernelLoad: "1M",
      initrd: { busybox: { command: "ls", programs: { ls: "ls" } } },
      bootargs: "quiet",
      devices: { uart: true, rtc: true },
      regions: [{ ipa: 0, size: 4096, readOnly: true, file: "flash" }],
      shared: [{ region: "ring", ipa: 0, readOnly: true }],
      crashPolicy: "stop",
      autostart: true,
      controller: true,
      timeOnPause: "stop",
      tableQuota: 1,
    },
  ],
};

const wrong = [
  undefined,
  null,
  true,
  -1,
  1.5,
  2 ** 53,
  Number.NaN,
  "",
  "x y",
  [],
  [[]],
  {},
  { odd: 1 },
  1n,
  Symbol("s"),
  () => "f",
];

/** Copies of a value, each with another of its parts replaced. */
function* replaced(value: unknown, by: unknown): Generator<unknown> {
  yield by;
  if (typeof value !== "object" || value === null) return;
  for (const [key, part] of Object.entries(value)) {
    for (const other of replaced(part, by)) {
      yield Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other };
    }
  }
}

test("whatever stands in a setting's place, what is said of it is a rule", () => {
  assert.deepEqual(parseSystem(right).mistakes, []);
  const strange = new Set<string>();
  for (const value of wrong) {
    for (const config of replaced(right, value)) {
      const { draft, mistakes } = parseSystem(config);
      for (const { place, rule } of [...mistakes, ...checkSystem(draft)]) if (!isRule(rule)) strange.add(`${place}: ${rule}`);
    }
  }
  assert.deepEqual([...strange], []);
});
