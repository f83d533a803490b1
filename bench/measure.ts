// Runs the systems that measure, under `-icount shift=0`: one instruction is one tick of a counter of 1 GHz, and a run repeats exactly.

import { join } from "node:path";
import { Board, type BoardListener, boardDefaults } from "../tool/board.ts";
import { ROOT } from "../tool/paths.ts";
import { type SessionOptions, startBoard, startSystem } from "../tool/session.ts";
import { fetchSource } from "../tool/sources.ts";
import { buildConfig } from "../tool/system.ts";
import { El2Counter } from "./el2-counter.ts";
import { iperf, type Transfer } from "./iperf/iperf.ts";
import type { Figures } from "./limits.ts";
import { linux } from "./linux/linux.ts";

interface Run {
  readonly output: string;
  readonly log: string;
}

/** The clock on the wall must not count: it starts at the same second each time. */
const FIXED_CLOCK = ["-rtc", "base=2026-01-01T00:00:00,clock=vm"];
const TIMEOUT_SECONDS = 300;

/** Collects what a board says until it ends by itself. */
const listen = async (start: (listener: BoardListener) => Board | Promise<Board>): Promise<Run> => {
  const output: Buffer[] = [];
  const log: string[] = [];
  const board = await start({ vm: (bytes) => output.push(bytes), log: (line) => log.push(line) });
  const guard = setTimeout(() => board.stop(), TIMEOUT_SECONDS * 1000);
  const { qemu } = await board.ended.finally(() => clearTimeout(guard));
  const run = { output: Buffer.concat(output).toString(), log: log.join("\n") };
  if (qemu.status === 0) return run;
  throw new Error(`QEMU ended with ${qemu.status}: ${qemu.stderr}\n${run.output.slice(-1000)}\n${run.log.slice(-1000)}`);
};

const runSystem = (system: string, options: SessionOptions = {}): Promise<Run> =>
  listen((listener) => startSystem(join(ROOT, system), { ...options, icount: true, qemuArgs: FIXED_CLOCK }, listener));

const numberIn = (text: string, pattern: RegExp): number => {
  const match = pattern.exec(text);
  if (match === null) throw new Error(`no ${pattern} in:\n${text.slice(-2000)}`);
  return Number(match[1]);
};

/** The figures of samples, given as values in order and how often each came. */
const figuresOf = (values: readonly (readonly [value: number, count: number])[]): Figures => {
  const total = values.reduce((sum, [, count]) => sum + count, 0);
  const quantile = (part: number): number => {
    let below = 0;
    for (const [value, count] of values) {
      below += count;
      if (below >= part * total) return value;
    }
    return 0;
  };
  return { min: quantile(0), median: quantile(0.5), p99: quantile(0.99), max: quantile(1) };
};

/** What operations cost, by the names that guests/bench prints. */
export const measureOperations = async (): Promise<Record<string, Figures>> => {
  const { output } = await runSystem("bench/operations");
  if (!output.includes("bench: done")) throw new Error(`the measuring guest did not end well:\n${output.slice(-2000)}`);
  const values = new Map<string, [number, number][]>();
  for (const [, name = "", value, count] of output.matchAll(/^(?:bench\| )?bench (\S+) (\d+) (\d+)\r?$/gm)) {
    values.set(name, [...(values.get(name) ?? []), [Number(value), Number(count)]]);
  }
  return Object.fromEntries([...values].map(([name, list]) => [name, figuresOf(list)]));
};

const RUNS_SINCE = /vm0 runs since the board's count of (\d+)/;

/** From reset to the first instruction of examples/hello. */
export const measureStart = async (scrubAtBoot: boolean): Promise<number> => {
  const { log } = await runSystem("examples/hello", { scrubAtBoot, logLevels: { vm: "debug" } });
  return numberIn(log, RUNS_SINCE);
};

/** Bytes that two VMs sent themselves by TCP, and the instructions at EL2 for each. */
export interface Transferred {
  readonly bytes: number;
  readonly perByte: number;
}

const transfer = async (options: Transfer): Promise<{ readonly bytes: number; readonly instructions: number }> => {
  using counter = new El2Counter();
  const { bundle, board } = await buildConfig(iperf(options), ROOT);
  let ended = false;
  let instructions = Promise.resolve(0);
  const { output } = await listen((listener) => {
    const running = startBoard(bundle, { ...board, icount: true, qemuArgs: [...FIXED_CLOCK, ...counter.qemuArgs] }, listener);
    void running.ended.then(() => {
      ended = true;
    });
    instructions = counter.count(() => ended);
    // Nobody else lets the board run. Where QEMU has failed, how it ended says more.
    instructions.catch(() => running.stop());
    return running;
  });
  return { bytes: numberIn(output, /bytes (\d+)/), instructions: await instructions };
};

/** What a longer transfer takes more than a shorter one: neither boots nor ends of connections count. */
export const measureTransfer = async (offload: boolean): Promise<Transferred> => {
  const [few, many] = offload ? [8, 40] : [4, 12];
  const short = await transfer({ mebibytes: few, offload });
  const long = await transfer({ mebibytes: many, offload });
  const bytes = long.bytes - short.bytes;
  return { bytes, perByte: (long.instructions - short.instructions) / bytes };
};

/** Linux in a VM, from reset to its shell. */
export const measureLinux = async (): Promise<number> => {
  const { output, log } = await runSystem("bench/linux");
  return numberIn(log, RUNS_SINCE) + numberIn(output, /^count (\d+)/m);
};

/** The same Linux on the board itself, at EL1. */
export const measureLinuxNatively = async (): Promise<number> => {
  const args = [
    ...["-machine", "virt,gic-version=3", "-cpu", `${boardDefaults.cpu},cntfrq=1000000000`],
    ...["-icount", "shift=0,sleep=off", "-seed", "1", "-m", linux.memory],
    ...["-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", ...FIXED_CLOCK],
    ...[
      "-kernel",
      await fetchSource(linux.kernel, ROOT),
      "-initrd",
      await fetchSource(linux.initrd, ROOT),
      "-append",
      linux.bootargs,
    ],
  ];
  const { output } = await listen((listener) => new Board(args, listener));
  return numberIn(output, /^count (\d+)/m);
};
