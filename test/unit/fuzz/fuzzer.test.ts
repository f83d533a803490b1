// The fuzzer finds what is wrong, from nothing: a bound that is missing behind several conditions. In the core as it is, as many inputs crash nothing, and reach
// most of what guests reach, which inputs do only because others are kept for what they reached.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildQuickFuzzer, canFuzz } from "../../../fuzz/build.ts";
import { unpack } from "../../../fuzz/corpus.ts";
import { EVENT_BYTES } from "../../../fuzz/format.ts";
import { seedsOf } from "../../../fuzz/seeds.ts";
import { toC } from "../../../tool/chain/compile.ts";
import { ROOT } from "../../../tool/paths.ts";
import { plantedBytes } from "../../sim/planted.ts";

const FOLDER = "build/planted/name-bound";
const BOUND = "  if (offset != 0 && offset != NAME_PART) return INVALID_PARAMETERS;\n";

const EVENTS = 8 * EVENT_BYTES;

interface Limits {
  readonly runs: number;
  readonly longest?: number;
  readonly corpus?: readonly string[];
}

/** Fuzzes, without a corpus unless there is one; the same seed is the same inputs. */
const fuzzed = (program: string, { runs, longest = EVENTS, corpus = [] }: Limits): { status: number | null; said: string } => {
  const limits = [`-max_len=${longest}`, "-len_control=0", `-runs=${runs}`, "-timeout=60"];
  const { status, stderr } = spawnSync(program, ["-seed=1", ...limits, `-artifact_prefix=${join(ROOT, FOLDER)}/`, ...corpus], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return { status, said: stderr };
};
const tail = (said: string): string => said.split("\n").slice(-30).join("\n");

const needs = { skip: !canFuzz() && "needs clang 14 on x86-64" };

test("a bound that is missing is found, and nothing in the core as it is", needs, async () => {
  mkdirSync(join(ROOT, FOLDER), { recursive: true });
  const change = { file: "src/smccc/control.ts", find: BOUND, replace: "" };
  writeFileSync(join(ROOT, FOLDER, "core.wasm"), await plantedBytes("name-bound", [change], "-O1"));
  toC(`${FOLDER}/core.wasm`, "core", `${FOLDER}/core.generated.c`);

  const runs = 100_000;
  const found = fuzzed(buildQuickFuzzer("exits", FOLDER), { runs });
  assert.match(found.said, /the core traps: wasm_rt_trap_t 1\n/, tail(found.said));
  assert.match(found.said, /Test unit written to .*name-bound\/crash-/);

  const none = fuzzed(buildQuickFuzzer("exits"), { runs });
  assert.equal(none.status, 0, tail(none.said));
  const [, edges, inputs] = none.said.match(/^#100000\s+DONE\s+cov: (\d+) ft: \d+ corp: (\d+)\//m) ?? [];
  // 1,472 and 1,023. Without feedback an input ends at a few hundred edges, and few are kept.
  assert.ok(Number(edges) > 1200 && Number(inputs) > 700, `${edges} edges, ${inputs} inputs`);
});

test("each bundle goes on from the middle of the boot, to its own end", needs, () => {
  const corpus = join(ROOT, FOLDER, "bundles");
  unpack(corpus, seedsOf("bundle"));
  const { status, said } = fuzzed(buildQuickFuzzer("bundle"), { runs: 30_000, longest: 0x1000, corpus: [corpus] });
  assert.equal(status, 0, tail(said));
  const edges = [...said.matchAll(/^#\d+\s+(INITED|DONE)\s+cov: (\d+)/gm)].map(([, , count]) => Number(count));
  // 665 and 787.
  assert.ok((edges[0] as number) > 500 && (edges[1] as number) > 600, `${edges}`);
});
