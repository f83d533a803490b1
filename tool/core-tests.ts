// The tests that say how well the core is tested, for the measure of coverage and the check by mutation: those of the core and of the simulator, without what
// runs other cores, or does again what another test has done.

import { globSync } from "node:fs";
import { ROOT } from "./paths.ts";

const WITHOUT = ["test/sim/planted.test.ts", "test/sim/exit-names.test.ts", "test/sim/attacks/page.test.ts"];

export const coreTests = (): string[] =>
  globSync("test/{unit/core,sim}/**/*.test.ts", { cwd: ROOT })
    .filter((file) => !WITHOUT.includes(file))
    .sort();

/** Names of tests to be left out, as `--test-skip-pattern` has them. */
export const SKIPPED = [
  "^planted: ",
  "^reported: ",
  "a planted bug",
  "the corpus natively",
  "the same seed is the same",
  "^a soak lives",
  "^npm run sim says",
  "^a trace has",
  "^what npm run sim cannot",
].join("|");
