// A table of planted bugs as tests: each must end a run with a report, and the same run of the core as it is with none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Violation } from "../../../sim/faults.ts";
import type { MachineOptions } from "../../../sim/machine.ts";
import { type Change, plantedCore } from "../planted.ts";

/** Runs a system on a machine with these options. */
export type Scenario = (options: MachineOptions) => void;

export interface Bug {
  /** What is wrong with the core. */
  readonly what: string;
  readonly changes?: readonly Change[];
  readonly wrapHal?: MachineOptions["wrapHal"];
  /** What shows it. */
  readonly run: Scenario;
  /** What the sanitizer says. */
  readonly report: RegExp;
}

const thrownBy = (run: () => void): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
};

/** `name`: of the files that keep the changed cores. */
export const testBugs = (name: string, bugs: readonly Bug[]): void => {
  for (const [n, { what, changes, wrapHal, run, report }] of bugs.entries()) {
    test(`${what}: ${report.source}`, async () => {
      const wasm = changes && (await plantedCore(`${name}-${n}`, changes));
      const options = { ...(wasm && { wasm }), ...(wrapHal && { wrapHal }) };
      const thrown = thrownBy(() => run(options));
      assert.ok(thrown instanceof Violation, `a report: ${thrown}`);
      assert.match(thrown.message, report);
    });
  }
  for (const run of new Set(bugs.map((bug) => bug.run))) {
    test(`${run.name}: the core as it is gives no report`, () => run({}));
  }
};
