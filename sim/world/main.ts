#!/usr/bin/env node
// `npm run sim`: lives through one world and says how it ended, or through as many as fit into a time or a number of exits.

import { availableParallelism } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { wholeNumber } from "../../tool/whole-number.ts";
import type { Figures, Report } from "./soak.ts";
import type { WorldMode } from "./world.ts";

const SEEDS = 2 ** 32;
const EXITS = 1e12;

const minutes = (text: string): number => {
  const value = Number(text);
  if (!(value > 0 && value <= 100_000)) throw new InvalidArgumentError("It must be a number above 0, at most 100000.");
  return value;
};

const part = (text: string): number => {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("It must be a number from 0 to 1.");
  return value;
};

interface Flags {
  readonly soak: boolean;
  readonly seed?: number;
  readonly mode: WorldMode;
  readonly exits?: number;
  readonly inside: number;
  readonly minutes?: number;
  readonly trace?: string;
  readonly workers: number;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const count = (value: number): string => Math.round(value).toLocaleString("en");
const repeat = ({ seed, mode }: Pick<Report, "seed" | "mode">): string => `npm run sim -- --seed ${seed} --mode ${mode}`;

const one = async (flags: Flags): Promise<boolean> => {
  const { mode, exits, trace: file } = flags;
  const seed = flags.seed ?? Math.floor(Math.random() * SEEDS);
  // Loaded here, so that a mistake is told at once: the simulator brings a compiler with it.
  const [{ World }, { Trace }] = await Promise.all([import("./world.ts"), import("./trace.ts")]);
  const world = new World({ seed, mode });
  const { system, machine } = world;
  say(`seed ${seed}, ${mode} exits: ${system.vms.length} VMs on ${machine.cpus.length} CPUs`);
  const trace = new Trace(machine, file !== undefined);
  let report: unknown;
  try {
    await world.live(exits);
  } catch (thrown) {
    report = thrown;
  }
  if (file !== undefined) trace.write(file);
  say(`last exit ${count(world.exits)}, ${trace.last}`);
  say(`HAL calls ${count(machine.calls)}, the board's count ${machine.counter.count}, the core's memory ${world.digest}`);
  if (report === undefined) say(`no report; ${END[world.end]}`);
  else say(`REPORT ${report instanceof Error ? report.stack : report}\n  ${repeat({ seed, mode })}`);
  return report === undefined;
};

const END = {
  time: "its time was up",
  off: "every VM was off, or has crashed",
  asleep: "whoever was left slept for good",
  entangled: "whole exits could not go on, one in the middle of the other",
} as const;

const figuresOf = ({ exits, calls, worlds, vms, ends, reports }: Figures, seconds: number): string =>
  [
    `${count(exits.whole + exits.inside)} exits, ${count(exits.inside)} of them with CPUs in the middle of theirs, ${count(calls)} HAL calls`,
    `${count(worlds)} worlds of ${count(vms)} VMs: ${Object.entries(ends)
      .filter(([, times]) => times > 0)
      .map(([end, times]) => `${end} ${count(times)}`)
      .join(", ")}`,
    `${count((exits.whole + exits.inside) / seconds)} exits a second, ${count(seconds)} s`,
    `reports: ${reports.length}`,
  ].join("\n");

const many = async (flags: Flags): Promise<boolean> => {
  const { workers, exits: total = Number.POSITIVE_INFINITY, minutes: time = Number.POSITIVE_INFINITY } = flags;
  const from = flags.seed ?? Math.floor(Math.random() * SEEDS);
  const { inside } = flags;
  const start = performance.now();
  say(`worlds from seed ${from}, on ${workers} CPUs of this machine`);
  const { soak } = await import("./soak.ts");
  let told = 0;
  const figures = await soak({ from, workers, exits: total, inside, seconds: 60 * time }, ({ reports }) => {
    for (const report of reports.slice(told)) say(`REPORT at exit ${count(report.exit)}: ${report.text}\n  ${repeat(report)}`);
    told = reports.length;
  });
  say(figuresOf(figures, (performance.now() - start) / 1000));
  return figures.reports.length === 0;
};

const main = async (): Promise<void> => {
  const program = new Command("sim")
    .description(
      "Lives through random systems with hostile guests on the simulated machine. Without options: one world of a random seed.",
    )
    .option("--seed <seed>", "the world of this seed; of a soak, the first", wholeNumber(0, SEEDS - 1))
    .addOption(
      new Option("--mode <mode>", "whole exits, or with CPUs that give way in the middle of theirs")
        .choices(["whole", "inside"])
        .default("whole"),
    )
    .option("--exits <number>", "end after so many exits", wholeNumber(1, EXITS))
    .option("--trace <file>", "write Chrome trace JSON (ui.perfetto.dev opens it)")
    .option("--soak", "many worlds, one after the other: until the exits or the minutes are over", false)
    .option("--minutes <number>", "soak for so long", minutes)
    .option("--inside <part>", "of a soak: the part of the exits that have CPUs in the middle of theirs", part, 0.01)
    .option("--workers <number>", "of a soak: CPUs of this machine that take part", wholeNumber(1, 256), availableParallelism());
  const flags = program.parse().opts<Flags>();
  if (flags.soak && flags.minutes === undefined && flags.exits === undefined)
    program.error("error: --soak needs --exits or --minutes, or it would never end");
  const isSoak = flags.soak || flags.minutes !== undefined;
  if (isSoak && flags.trace !== undefined) program.error("error: --trace is for one world: give its --seed alone");
  process.exitCode = (await (isSoak ? many : one)(flags)) ? 0 : 1;
};

await main();
