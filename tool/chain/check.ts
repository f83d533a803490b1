// `npm run check`: every rule of the house on the tree as it is, built first where it is not up to date, with the figures that were measured on the
// way. The build applies the same rules, but for those on guests/, on sim/ and on the share of TypeScript.

import { join } from "node:path";
import { makeHal } from "../../sim/hal.ts";
import { Machine } from "../../sim/machine.ts";
import { withLock } from "../lock.ts";
import { ROOT } from "../paths.ts";
import { build } from "./build.ts";
import { checkBuilt, checkGuests, checkShare, checkSources, demand, joined } from "./rules.ts";
import { reported } from "./run.ts";

/** The functions that the simulator has for the core. */
function simulated(): Set<string> {
  const modules = Object.entries(makeHal(new Machine()));
  return new Set(modules.flatMap(([module, functions]) => Object.keys(functions).map((name) => `${module}.${name}`)));
}

async function check(): Promise<void> {
  await build();
  const source = checkSources();
  const outcome = joined([checkShare(), source, checkGuests(), checkBuilt(source.sources, simulated())]);
  for (const figure of outcome.figures) process.stdout.write(`${figure}\n`);
  demand(outcome);
}

await reported(() => withLock(join(ROOT, "build/lock"), check), "the check");
