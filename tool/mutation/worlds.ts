// A few short random worlds, as tests: what a mutant's other tests have let pass has them to live through.

import { test } from "node:test";
import { World } from "../../sim/world/world.ts";

const EXITS = { whole: 12_000, inside: 3000 };

for (const mode of ["whole", "inside"] as const) {
  for (let seed = 100; seed < 106; seed++) {
    test(`world ${seed}, ${mode} exits`, () => new World({ seed, mode }).live(EXITS[mode]));
  }
}
