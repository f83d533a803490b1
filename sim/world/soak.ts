// Worlds one after the other, on every CPU of the host: each worker takes seeds of its own, so that the same call runs the same worlds however fast the
// workers are. A report names the seed that repeats it.

import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type End, World, type WorldMode } from "./world.ts";

export interface SoakOptions {
  /** The first seed. */
  readonly from: number;
  readonly workers: number;
  /** How many there are in all; no world begins after that. */
  readonly exits: number;
  /** The part of them that belongs to worlds whose CPUs give way in the middle of their exits. */
  readonly inside: number;
  /** Seconds after which none does either. */
  readonly seconds: number;
}

/** The least exits for which a world is made. */
const MIN_INSIDE = 1000;

/** Nearly all that an exit makes is gone behind it: with more room for what is young, less of that is looked at while it lives. */
const LIMITS = { maxYoungGenerationSizeMb: 192 };

/** What broke a rule of the machine. */
export interface Report {
  readonly seed: number;
  readonly mode: WorldMode;
  readonly exit: number;
  readonly text: string;
}

export interface Figures {
  readonly exits: Record<WorldMode, number>;
  calls: number;
  worlds: number;
  vms: number;
  readonly ends: Record<End | "report", number>;
  readonly reports: Report[];
}

export const noFigures = (): Figures => ({
  exits: { whole: 0, inside: 0 },
  calls: 0,
  worlds: 0,
  vms: 0,
  ends: { time: 0, off: 0, asleep: 0, entangled: 0, report: 0 },
  reports: [],
});

const add = (sum: Figures, more: Figures): void => {
  for (const mode of ["whole", "inside"] as const) sum.exits[mode] += more.exits[mode];
  for (const end of Object.keys(sum.ends) as (keyof Figures["ends"])[]) sum.ends[end] += more.ends[end];
  sum.calls += more.calls;
  sum.worlds += more.worlds;
  sum.vms += more.vms;
  sum.reports.push(...more.reports);
};

/** One world from its boot to its end. */
const liveOne = async (seed: number, mode: WorldMode, most: number): Promise<Figures> => {
  const figures = noFigures();
  const world = new World({ seed, mode });
  try {
    await world.live(most);
    figures.ends[world.end]++;
  } catch (thrown) {
    figures.ends.report++;
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    figures.reports.push({ seed, mode, exit: world.exits, text });
  }
  figures.exits[mode] += world.exits;
  figures.calls += world.machine.calls;
  figures.worlds++;
  figures.vms += world.system.vms.length;
  return figures;
};

/** What one worker does; after each world it tells `tell`. */
const work = async (options: SoakOptions, number: number, tell: (figures: Figures) => void): Promise<void> => {
  const { from, workers, exits, inside, seconds } = options;
  const end = performance.now() + 1000 * seconds;
  const done: Record<WorldMode, number> = { whole: 0, inside: 0 };
  for (let seed = from + number; performance.now() < end; seed += workers) {
    const left = exits / workers - done.whole - done.inside;
    if (left <= 0) return;
    const mode = done.inside <= inside * (done.whole + done.inside) ? "inside" : "whole";
    // Of the slow ones, no more than asked for.
    const most = mode === "inside" ? Math.min(left, Math.max(MIN_INSIDE, (inside * exits) / workers - done.inside)) : left;
    const figures = await liveOne(seed >>> 0, mode, most);
    done[mode] += figures.exits[mode];
    tell(figures);
  }
};

/** Runs until each worker has had its part of the exits, or the time is over. `progress` is told what there is so far. */
export const soak = async (options: SoakOptions, progress: (figures: Figures) => void = () => {}): Promise<Figures> => {
  const sum = noFigures();
  const one = (number: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { options, number }, resourceLimits: LIMITS });
      worker.on("message", (figures: Figures) => {
        add(sum, figures);
        progress(sum);
      });
      worker.on("error", reject);
      worker.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
    });
  await Promise.all(Array.from({ length: options.workers }, (_, number) => one(number)));
  return sum;
};

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const { options, number } = workerData as { options: SoakOptions; number: number };
  await work(options, number, (figures) => port.postMessage(figures));
}
