#!/usr/bin/env node
// `npm run mutation`: seeds faults into src/ and says which of them no test of the core and of the simulator notices. Fails if those are too many.

import { join } from "node:path";
import { Command } from "commander";
import { build } from "../chain/build.ts";
import { BuildError, reported } from "../chain/run.ts";
import { withLock } from "../lock.ts";
import { BUILD, ROOT } from "../paths.ts";
import { wholeNumber } from "../whole-number.ts";
import { Mutants } from "./compile.ts";
import { equivalents } from "./equivalents.ts";
import { drawn, type Fault, faultsIn, keyOf, sourcesOfCore } from "./faults.ts";
import { inParallel, Runs } from "./runs.ts";

const FOLDER = "build/mutation";
/** The least part of the faults that tests have to catch, in per cent. */
const LEAST = 96;

interface Flags {
  readonly seed: number;
  readonly count: number;
  readonly only?: number;
  readonly jobs: number;
}

interface Mutant {
  /** From 1. */
  readonly number: number;
  readonly fault: Fault;
  readonly folder: string;
  /** What has caught it. */
  by?: string;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const describe = ({ file, line, operator, within, from, to }: Fault): string =>
  [`${file}:${line}: ${operator}${within === "" ? "" : `, in ${within}`}`, `    - ${from}`, `    + ${to}`].join("\n");

/** The faults of a seed, as cores. What is none is left out, and another one drawn. */
async function* mutantsOf({ seed, count, only }: Flags, mutants: Mutants): AsyncGenerator<Mutant, void> {
  const same = new Set(equivalents.map(keyOf));
  const draw = drawn(faultsIn(sourcesOfCore()), seed);
  for (let number = 1; number <= (only ?? count); ) {
    const { value: fault } = draw.next();
    if (fault === undefined) throw new BuildError("the sources have no more faults");
    const folder = `${FOLDER}/seed-${seed}/${number}`;
    const why = same.has(keyOf(fault)) ? "it is equivalent" : await mutants.make(fault, folder);
    if (why !== undefined) {
      if (only === undefined) say(`drawn anew, ${why}: ${fault.file}:${fault.line}: ${fault.operator}`);
      continue;
    }
    if (only === undefined || number === only) yield { number, fault, folder };
    number++;
  }
}

const report = (mutants: readonly Mutant[], seed: number): void => {
  const survivors = mutants.filter(({ by }) => by === undefined).sort((a, b) => a.number - b.number);
  for (const { number, fault } of survivors) say(`\nSURVIVES ${number} ${describe(fault)}`);
  const caught = mutants.length - survivors.length;
  const hangs = mutants.filter(({ by }) => by?.includes(" hangs: ")).length;
  say(`\nseed ${seed}: ${caught} of ${mutants.length} caught${hangs > 0 ? `, ${hangs} of them because a test hangs` : ""}`);
  if (100 * caught < LEAST * mutants.length) throw new BuildError(`at least ${LEAST} % have to be caught`);
};

async function mutation(flags: Flags): Promise<void> {
  await withLock(join(BUILD, "lock"), build);
  const original = `${FOLDER}/original`;
  const mutants = await Mutants.begin(original);
  const runs = await Runs.measured(original, flags.jobs);
  const drawing = mutantsOf(flags, mutants);
  const done: Mutant[] = [];
  await inParallel(flags.jobs, async () => {
    // An asynchronous generator answers one after the other, whoever asks.
    for (let next = await drawing.next(); !next.done; next = await drawing.next()) {
      const mutant = next.value;
      const by = await runs.run(mutant.fault, mutant.folder);
      done.push(by === undefined ? mutant : { ...mutant, by });
      say(`${mutant.number} ${describe(mutant.fault)}\n    ${by === undefined ? "SURVIVES" : `caught by ${by}`}`);
    }
  });
  report(done, flags.seed);
}

const flags = new Command("mutation")
  .description("Seeds faults into src/, and runs the tests of the core and of the simulator against each.")
  .option("--seed <seed>", "which faults are drawn", wholeNumber(0, 2 ** 32 - 1), 1)
  .option("--count <number>", "how many", wholeNumber(1, 1000), 50)
  .option("--only <number>", "of these, the one with this number alone", wholeNumber(1, 1000))
  .option("--jobs <number>", "how many are run against at once", wholeNumber(1, 64), 2)
  .parse()
  .opts<Flags>();
process.chdir(ROOT);
await reported(() => withLock(join(BUILD, "mutation.lock"), () => mutation(flags)), "the mutation check");
