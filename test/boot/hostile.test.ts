// Everything hostile that a guest can do, beside a Linux VM (hostile-system.ts). Linux must neither notice, so it computes the right thing and its kernel
// says what it says alone, nor slow by more than its fair share. Runs repeat exactly, and times are the board's counts.
//
// On one CPU time is measured. On two CPUs it means nothing: under -icount it passes by the instructions of both together. There Linux must have waited
// for nobody, and a guest counts how often its CPU is interrupted for what happens on the other one.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, test } from "node:test";
import { guest } from "../../abi/guest.ts";
import type { SystemConfig } from "../../tool/config.ts";
import { boot, type End } from "./expect.ts";
import { type Guest, hostileRows } from "./hostile-rows.ts";
import { alone, beside, gauged, linuxName } from "./hostile-system.ts";

/** Pieces of work of Linux: on one CPU so many that they last until the repertoire is through. */
const PIECES = { alone: 200, beside: { 1: 1400, 2: 900 } };
const PIECE = 0x1_0000;
/** Milliseconds: Linux is at its work when the turns become long; they are so long as they have to be to be measured. */
const SKIRMISH = 14_000;
const TURN = { 1: 250, 2: 150 };
/** On one CPU, where it has half of the shares, Linux may take twice as long, and a slice of the others' may lie in a turn that is not of it. */
const SLOWER_AT_MOST = 2.05;

const digest = (pieces: number): string => {
  const hash = createHash("sha256");
  for (let n = 0; n < pieces; n++) hash.update(Buffer.alloc(PIECE));
  return hash.digest("hex");
};

/** Runs a system to its end; `milestones`: what is waited for one after the other, so that each wait is short. `shift`: an instruction takes 2^shift ns. */
const run = async (system: SystemConfig, milestones: readonly Milestone[] = [], shift = 3): Promise<End> => {
  const qemuArgs = ["-icount", `shift=${shift},sleep=off`, "-rtc", "base=2026-01-01"];
  await using vm = await boot({ system, icount: true, qemuArgs });
  for (const [name, pattern] of milestones) await vm.expectFrom(name, pattern);
  return await vm.end();
};

type Milestone = readonly [vm: string, pattern: RegExp];
const milestones: readonly Milestone[] = [
  ["wild", /^wild: /m],
  [linuxName, /a busybox shell/],
  ["leader", /^turn /m],
  ["leader", /^hostile: done/m],
];

interface Work {
  /** Virtual counts at which the pieces began, and at which the last one ended. */
  readonly counts: readonly number[];
  readonly digest: string;
  /** Ticks that it waited for a CPU, as its kernel has counted them. */
  readonly stolen: number;
  /** What the kernel said, without times, addresses and amounts, and in no order. */
  readonly messages: readonly string[];
}

/** A message without what is not the same in every boot. */
const gist = (message: string): string => message.replace(/^\[ *\d+\.\d+\] /, "").replaceAll(/(0x)?[\da-f]*\d[\da-f]*/gi, "#");

/** What Linux has printed. */
const work = (output: string): Work => {
  const lines = output.split(/\r?\n/);
  const first = lines.findIndex((line) => /^\d+$/.test(line));
  const last = lines.findIndex((line) => /^[\da-f]{64}$/.test(line));
  const counts = [Number(lines[first])];
  for (const took of lines.slice(first + 1, last).flatMap((line) => line.split(" "))) counts.push(counts.at(-1)! + Number(took));
  const messages = lines.slice(lines.indexOf("messages") + 1, lines.indexOf("the end"));
  const stolen = Number(lines.find((line) => line.startsWith("stolen "))?.slice(7));
  return { counts, digest: lines[last] ?? "", stolen, messages: messages.map(gist).sort() };
};

const lengths = (counts: readonly number[]): number[] => counts.slice(1).map((count, n) => count - counts[n]!);
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** How many pieces were done between two counts; what was done of one there counts as a part. */
const done = (counts: readonly number[], from: number, until: number): number =>
  lengths(counts).reduce((sum, length, n) => {
    const start = counts[n]!;
    return sum + Math.max(0, Math.min(start + length, until) - Math.max(start, from)) / length;
  }, 0);

/** The board's count when a VM's count was zero. */
const origin = (end: End, name: string, system: SystemConfig): number => {
  const id = system.vms.findIndex((vm) => vm.name === name);
  return Number(new RegExp(`vm${id} runs since the board's count of (\\d+)`).exec(end.logs.join("\n"))![1]);
};

/** The turns that the leader has measured, as counts of the board. */
const turns = (end: End): { name: string; from: number; until: number }[] =>
  [...end.of("leader").matchAll(/^ok (\S+)\r?\nturn +from (\d+) to (\d+)/gm)].map(([, name, from, until]) => ({
    name: name!,
    from: Number(from),
    until: Number(until),
  }));

/** What all VMs of a run that are the same guest have printed. */
const printed = (end: End, system: SystemConfig, guest: Guest): string =>
  system.vms.map((vm) => (vm.kernel === `${guest}.bin` ? end.of(vm.name) : "")).join("");

const guests: readonly Guest[] = ["hostile", "wild", "smp", "controller", "peers"];
/** The attacks of guests/hostile, each a case of that name. */
const ATTACKS = 22;

/** Everything was answered as it should, and the log stayed readable. */
const holds = (end: End, system: SystemConfig): void => {
  for (const guest of guests) assert.deepEqual(printed(end, system, guest).match(/^(WRONG|stopped) .*/gm) ?? [], []);
  for (const [row, byGuest] of Object.entries(hostileRows)) {
    for (const [guest, cases] of Object.entries(byGuest)) {
      const lines = printed(end, system, guest as Guest).split(/\r?\n/);
      for (const name of cases) assert.ok(lines.includes(`ok ${name}`), `row ${row}: ${guest} has no case ${name}`);
    }
  }
  assert.equal(turns(end).length, ATTACKS);
  assert.equal(end.halted?.off, true);
  assert.ok(
    end.logs.slice(0, -1).every((line) => /^<[4-7]>/.test(line)),
    "a guest makes no line above warning",
  );
};

/** What Linux did alone. */
const quiet = run(alone(PIECES.alone)).then((end) => work(end.output));
quiet.catch(() => {});
after(() => quiet);

/** Linux beside everything hostile has not noticed. */
const runBeside = async (cpus: 1 | 2): Promise<{ system: SystemConfig; end: End; busy: Work }> => {
  const pieces = PIECES.beside[cpus];
  const system = beside(pieces, cpus, { skirmish: SKIRMISH, turn: TURN[cpus] });
  const end = await run(system, milestones);
  holds(end, system);
  const busy = work(end.of(linuxName));
  assert.equal(busy.digest, digest(pieces));
  assert.deepEqual(busy.messages, (await quiet).messages);
  return { system, end, busy };
};

test("Linux beside everything hostile, on one CPU", async (t) => {
  const { system, end, busy } = await runBeside(1);
  const start = origin(end, linuxName, system);
  const counts = busy.counts.map((count) => start + count);
  const piece = median(lengths((await quiet).counts));
  for (const { name, from, until } of turns(end)) {
    assert.ok(from > counts[0]! && until < counts.at(-1)!, `${name}: Linux is not at its work`);
    const slower = (until - from) / piece / done(counts, from, until);
    t.diagnostic(`${name}: ${slower.toFixed(2)} times as long`);
    assert.ok(slower <= SLOWER_AT_MOST, `${name}: ${slower} times as long`);
  }
});

test("Linux on a CPU of its own, everything hostile on another one", async () => {
  const { busy } = await runBeside(2);
  assert.equal(busy.stolen, 0);
});

test("what happens on one CPU does not interrupt another one; doorbells do, at a bounded rate", async (t) => {
  const turn = 20;
  const end = await run(gauged({ skirmish: 0, turn }), [], 0);
  const gauge = [...end.of("gauge").matchAll(/^(\S+): +(\d+) interrupts/gm)];
  assert.equal(gauge.length, ATTACKS);
  const rings = guest.RINGS_AT_ONCE + (1000 * turn) / guest.RING_MICROSECONDS;
  for (const [, name, interrupts] of gauge) {
    // Two VMs ring. Any other attack may begin or end with a wake.
    const most = name === "doorbell-storm" ? 2 * (rings + 1) : 1;
    t.diagnostic(`${name}: ${interrupts} interrupts`);
    assert.ok(Number(interrupts) <= most, `${name}: ${interrupts} interrupts`);
  }
  assert.deepEqual(end.output.match(/^\S+\| WRONG .*/gm) ?? [], []);
  assert.equal(end.halted?.off, true);
});
