// The corpora of the fuzzers (fuzz/corpus/), each input twice: on the simulated machine under all that it watches, and natively, on the core's C with bounds
// checks under AddressSanitizer and UndefinedBehaviorSanitizer.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildReplay } from "../../fuzz/build.ts";
import { readCorpus, unpack } from "../../fuzz/corpus.ts";
import { targets } from "../../fuzz/format.ts";
import { replay } from "../../fuzz/replay.ts";
import { ROOT } from "../../tool/paths.ts";

for (const target of targets) {
  const corpus = readCorpus(target);

  test(`${target}: the corpus on the simulated machine`, () => {
    assert.ok(corpus.length > 10);
    for (const input of corpus) {
      try {
        replay(target, input);
      } catch (error) {
        throw new Error(`the input ${input.toString("base64")}`, { cause: error });
      }
    }
  });

  test(`${target}: the corpus natively`, () => {
    const folder = join(ROOT, "build/fuzz", target, "replayed");
    unpack(folder, corpus);
    const { status, stderr } = spawnSync(buildReplay(target), globSync(join(folder, "*")).sort(), { encoding: "utf8" });
    assert.equal(status, 0, stderr.split("\n").slice(-30).join("\n"));
    assert.equal(stderr.trim().split("\n").length, corpus.length, "each is played");
  });
}
