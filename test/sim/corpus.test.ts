// The corpora of the fuzzers (fuzz/corpus/), each input twice: on the simulated machine under all that it watches, and natively, on the core's C with bounds
// checks under AddressSanitizer and UndefinedBehaviorSanitizer.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { layout } from "../../abi/layout.ts";
import { buildReplay } from "../../fuzz/build.ts";
import { nameOf, readCorpus, unpack } from "../../fuzz/corpus.ts";
import { EVENT_BYTES, kinds, RECORDS_BYTES, type Target, targets } from "../../fuzz/format.ts";
import { event, replay } from "../../fuzz/replay.ts";
import { seedsOf } from "../../fuzz/seeds.ts";
import { ROOT } from "../../tool/paths.ts";
import { scratch } from "../unit/scratch.ts";
import { virtioStates } from "./virtio-states.ts";

/** What inputs come to, natively: status and what was said, and for each the core's memory up to the end of its records. */
const natively = (target: Target, inputs: readonly Buffer[]): { status: number | null; stderr: string; memories: DataView[] } => {
  const [folder, file] = [join(scratch(), "inputs"), join(scratch(), "memory")];
  unpack(folder, inputs);
  const names = inputs.map((input) => join(folder, nameOf(input)));
  const { status, stderr } = spawnSync(buildReplay(target), [`--memory=${file}`, ...names], { encoding: "utf8" });
  const memory = readFileSync(file);
  const memories = inputs.map((_, n) => {
    const bytes = new Uint8Array(layout.WINDOW_BASE + RECORDS_BYTES);
    bytes.set(memory.subarray(n * RECORDS_BYTES, (n + 1) * RECORDS_BYTES), layout.WINDOW_BASE);
    return new DataView(bytes.buffer);
  });
  return { status, stderr, memories };
};

test("drivers and devices come to the same natively and on the simulated machine", () => {
  const [drives] = event("DRIVE");
  const isAboutDevices = (input: Buffer): boolean =>
    Array.from({ length: Math.floor(input.length / EVENT_BYTES) }, (_, n) => input[n * EVENT_BYTES]! % kinds.length).includes(
      drives!,
    );
  const inputs = [...readCorpus("exits"), ...seedsOf("exits")].filter(isAboutDevices);
  const [vcpu] = replay("exits", Buffer.alloc(0)).cpus.map((cpu) => cpu.vcpu);
  const { status, stderr, memories } = natively("exits", inputs);
  assert.equal(status, 0, stderr);
  const states = inputs.map((input, n) => {
    const state = virtioStates(memories[n]!, vcpu!);
    assert.equal(virtioStates(replay("exits", input).view, vcpu!), state, `the input ${input.toString("base64")}`);
    return state;
  });
  assert.ok(new Set(states).size > 20, `${new Set(states).size} different ends`);
});

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
