// `npm run fuzz -- TARGET --keep FILE`: what crashed is played with the corpus from then on, whatever a fuzzer makes of the corpus.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { keepCrash, readCorpus, writeCorpus } from "../../../fuzz/corpus.ts";
import { ROOT } from "../../../tool/paths.ts";
import { scratch } from "../scratch.ts";

const [ordinary, crash, other] = ["ordinary", "that crashed", "another"].map((text) => Buffer.from(text)) as [
  Buffer,
  Buffer,
  Buffer,
];

test("what is kept stays in the corpus, once", () => {
  const folder = scratch();
  writeCorpus("exits", [ordinary], folder);
  assert.equal(keepCrash("exits", crash, folder), join(folder, "exits-crashes.txt"));
  keepCrash("exits", crash, folder);
  writeCorpus("exits", [other], folder);
  assert.deepEqual(readCorpus("exits", folder), [other, crash]);
  writeCorpus("exits", [crash, other], folder);
  assert.deepEqual(readCorpus("exits", folder), [other, crash]);
  assert.deepEqual(readCorpus("fdt", folder), []);
});

test("a file that is not there, or has nothing in it, is refused", () => {
  const empty = join(scratch(), "empty");
  writeFileSync(empty, "");
  for (const [path, why] of [
    ["nowhere", /nowhere.*There is no such file/],
    [empty, /It is empty/],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, ["fuzz/main.ts", "exits", "--keep", path], {
      cwd: ROOT,
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.match(stderr, why);
  }
});
