// Property tests run the same cases every time: a failure is found again by running it again.

import fc from "fast-check";

const SEED = 20_26_11_21;

/** Checks a property for `runs` cases; fast-check prints the smallest one that fails. */
export const check = <T extends unknown[]>(property: fc.IPropertyWithHooks<T>, runs: number): void => {
  fc.assert(property, { seed: SEED, numRuns: runs, includeErrorInReport: true });
};
