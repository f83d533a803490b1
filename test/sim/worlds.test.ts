// Worlds (sim/world): each is the same every time, one that breaks a rule is reported with what repeats it, and a run can be looked at.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Violation } from "../../sim/faults.ts";
import { soak } from "../../sim/world/soak.ts";
import { World, type WorldMode } from "../../sim/world/world.ts";
import { ROOT } from "../../tool/paths.ts";
import { scratch } from "../unit/scratch.ts";
import { type Change, plantedBytes } from "./planted.ts";

const SEED = 10;
const EXITS = 5000;
const MODES: readonly WorldMode[] = ["whole", "inside"];

const sim = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(ROOT, "sim/world/main.ts"), ...args], { encoding: "utf8", timeout: 120_000 });

const outcome = async (seed: number, mode: WorldMode): Promise<unknown[]> => {
  const world = new World({ seed, mode });
  await world.live(EXITS);
  return [world.end, world.exits, world.machine.calls, world.machine.counter.count, world.digest];
};

for (const mode of MODES) {
  test(`${mode} exits: the same seed is the same world to the last call, another one is another`, async () => {
    const first = await outcome(SEED, mode);
    assert.deepEqual(await outcome(SEED, mode), first);
    assert.notDeepEqual(await outcome(SEED + 1, mode), first);
  });
}

test("a soak lives through the same worlds whoever is faster", async () => {
  const options = { from: 7, workers: 2, exits: 20_000, inside: 0.1, seconds: 600 };
  const [one, other] = [await soak(options), await soak(options)];
  assert.deepEqual(one, other);
  assert.deepEqual(one.reports, []);
  assert.ok(one.exits.inside >= 2000 && one.exits.inside + one.exits.whole >= 20_000, JSON.stringify(one.exits));
});

/** A bug that only some lives come to: the vector registers of a vCPU that leaves its CPU are not saved. */
const forgetful: Change = {
  file: "src/devices/exchange.ts",
  find: "if (vcpu.fpLoaded != 0) saveFp(vcpu);",
  replace: "",
};

for (const mode of MODES) {
  test(`${mode} exits: a planted bug is reported, at the same exit every time`, async () => {
    const core = await plantedBytes("forgetful", [forgetful]);
    const report = async (): Promise<string> => {
      const world = new World({ seed: SEED, mode, core });
      await assert.rejects(world.live(), (thrown) => thrown instanceof Violation && /vector registers/.test(thrown.message));
      return `${world.exits} ${world.machine.calls} ${world.digest}`;
    };
    assert.equal(await report(), await report());
  });
}

test("a planted bug of virtio devices is reported: guests drive them so that their rings go round", async () => {
  const change = {
    file: "src/devices/virtio/queue.ts",
    find: "const entry = queue.used & (queue.size - 1);",
    replace: "const entry = queue.used;",
  };
  const core = await plantedBytes("endless-ring", [change]);
  const live = async (): Promise<void> => {
    for (let seed = 1; seed <= 8; seed++) await new World({ seed, core }).live(20_000);
  };
  await assert.rejects(live, (thrown) => thrown instanceof Violation && /EL2 writes to/.test(thrown.message));
});

test("npm run sim says how a world ended, and that it can be had again", () => {
  const run = (): string => {
    const { status, stdout } = sim("--seed", `${SEED}`, "--exits", "3000");
    assert.equal(status, 0, stdout);
    return stdout;
  };
  const first = run();
  assert.match(
    first,
    /^seed 10, whole exits: \d VMs on \d CPUs\nlast exit 3,00\d, CPU \d: .+\nHAL calls .+\nno report; its time was up\n$/,
  );
  assert.equal(run(), first);
});

test("a trace has every exit of every CPU, each in words", () => {
  const file = join(scratch(), "trace.json");
  const { status, stderr } = sim("--seed", `${SEED}`, "--mode", "inside", "--exits", "3000", "--trace", file);
  assert.equal(status, 0, stderr);
  const { traceEvents } = JSON.parse(readFileSync(file, "utf8")) as {
    traceEvents: { name: string; ph: string; pid: number; tid: number; ts: number; dur: number }[];
  };
  const exits = traceEvents.filter(({ ph, pid }) => ph === "X" && pid === 1);
  assert.equal(exits.length, 3000);
  assert.ok(exits.some(({ name }) => /^HVC HL_NULL/.test(name)) && exits.some(({ name }) => /^reads GICD_/.test(name)));
  // Exits of one CPU lie one behind the other; those of several do not.
  const ends = new Map<number, number>();
  for (const { tid, ts, dur } of exits) {
    assert.ok(ts >= (ends.get(tid) ?? 0));
    ends.set(tid, ts + dur);
  }
  assert.equal(ends.size, new World({ seed: SEED }).machine.cpus.length);
});

test("what npm run sim cannot do is said in a line", () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [["--soak"], /--soak needs --exits or --minutes/],
    [["--minutes", "1", "--trace", "x"], /--trace is for one world/],
    [["--minutes", "never"], /must be a number above 0/],
    [["--seed", "-1"], /must be a whole number/],
    [["--mode", "slow"], /Allowed choices are whole, inside/],
  ];
  for (const [args, expected] of cases) {
    const { status, stderr } = sim(...args);
    assert.equal(status, 1);
    assert.match(stderr, expected);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }
});
