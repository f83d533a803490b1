// Property tests run the same cases every time: a failure is found again by running it again.

import fc from "fast-check";
import { countingFolder } from "../../../tool/coverage/counters.ts";
import { mutantFolder } from "../../../tool/mutation/mutant.ts";

const SEED = 20_26_11_21;

/** Which lines run, a few cases tell, and most of what is wrong there: with the build that counts them, or with a seeded fault, it is a quarter of the cases. */
const SHARE = countingFolder === undefined && mutantFolder === undefined ? 1 : 4;

/** Checks a property for `runs` cases; fast-check prints the smallest one that fails. */
export const check = <T extends unknown[]>(property: fc.IPropertyWithHooks<T>, runs: number): void => {
  fc.assert(property, { seed: SEED, numRuns: Math.ceil(runs / SHARE), includeErrorInReport: true });
};
