// `hyper-lite replay`: a recorded run once more, in this process, as a list of exits, one of them in detail, or step by step.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { progress } from "../command.ts";
import { hypervisor } from "../paths.ts";
import { UserError } from "../user-error.ts";
import { Exits, type ShownExit } from "./exits.ts";
import { type Recording, readRecording } from "./file.ts";
import { type AtEnd, Divergence, Replay } from "./replay.ts";
import { detailLines, exitLine, listHead, registersIn } from "./show.ts";
import { stepThrough } from "./step.ts";

export interface ReplayOptions {
  /** Exits to list, by their numbers. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Exits of this CPU alone. */
  readonly cpu?: number | undefined;
  /** The one exit to show in detail. */
  readonly exit?: number | undefined;
  readonly step?: boolean | undefined;
}

const SHORT_HASH = 12;
const count = (value: number): string => value.toLocaleString("en-US");

const coreOf = (file: string, { core, system }: Recording): Buffer => {
  if (!existsSync(hypervisor.core)) throw new UserError(`${hypervisor.core}: no such file: run \`npm run build\` first`);
  const wasm = readFileSync(hypervisor.core);
  const built = createHash("sha256").update(wasm).digest("hex");
  if (built === core) return wasm;
  throw new UserError(
    `${file}: recorded with another core (sha256 ${core.slice(0, SHORT_HASH)}, ${hypervisor.core} has ${built.slice(0, SHORT_HASH)}): ` +
      `build the sources that it was recorded with, or record ${system} again`,
  );
};

const endings: Readonly<Record<AtEnd, string>> = {
  same: "the core's memory at the end is the board's",
  busy: "the core's memory at the end was not compared: other CPUs were in the core",
  crashed: "it ended with an exception at EL2, at which the core here was let go on to its next call",
  unknown: "the board's memory at the end is not known: the run was ended from outside",
};

const summary = (replay: Replay, { cpus, hasWrapped, isFull }: Recording): string =>
  [
    `replayed as recorded: ${count(replay.exits)} exits, ${count(replay.calls)} calls of the HAL, CPUs: ${cpus}`,
    ...(hasWrapped ? ["the ring had lost what came before"] : []),
    isFull ? "the ring was full before the run ended" : endings[replay.atEnd],
  ].join("; ");

/** Replays a file; throws a UserError where that is not possible, or not what happened on the board. */
export const replayFile = async (file: string, options: ReplayOptions): Promise<void> => {
  const recording = readRecording(file);
  const wasm = coreOf(file, recording);
  const print = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  try {
    if (options.step) await stepThrough(recording, wasm, print);
    else await list(recording, wasm, options, print);
  } catch (thrown) {
    if (!(thrown instanceof Divergence)) throw thrown;
    throw new UserError(`${file}: the replay is not what happened on the board: ${thrown.message}`);
  }
};

const list = async (
  recording: Recording,
  wasm: Uint8Array,
  options: ReplayOptions,
  print: (line: string) => void,
): Promise<void> => {
  const { from = 1, to = Number.POSITIVE_INFINITY, cpu, exit: wanted } = options;
  let before: Buffer | undefined;
  const isListed = (exit: ShownExit): boolean =>
    wanted === undefined && exit.number >= from && exit.number <= to && (cpu === undefined || exit.cpu === cpu);
  const exits = new Exits(
    (exit) => {
      if (exit.number === wanted) for (const line of detailLines(exit, before!, replay.memory)) print(line);
      else if (isListed(exit)) print(exitLine(exit, registersIn(replay.memory, exit)));
    },
    ({ number }) => {
      if (number === wanted) before = Buffer.from(replay.memory);
    },
  );
  const replay: Replay = new Replay(recording, wasm, exits);
  if (wanted === undefined) print(listHead);
  await replay.run();
  exits.end();
  const beyond = wanted ?? from;
  if (beyond > replay.exits) throw new UserError(`there is no exit ${beyond}: the record has ${replay.exits}`);
  progress(summary(replay, recording));
};
