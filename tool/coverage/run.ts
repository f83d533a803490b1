// `npm run coverage`: unit tests of the core and tests of the simulator on the counting build; then a table of what they reach of src/, and a failure
// where it is less than it has to be. Leaves in build/coverage/ what is not reached (missing.txt) and lcov.info.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { grouped } from "../../test/groups.ts";
import { CORE } from "../chain/asc-arguments.ts";
import { build } from "../chain/build.ts";
import { BuildError, reported, run } from "../chain/run.ts";
import { coreTests, SKIPPED } from "../core-tests.ts";
import { withLock } from "../lock.ts";
import { ROOT } from "../paths.ts";
import type { Point } from "./counters.ts";
import { armsOf, coverageOf, lcov, linesOf, missing, percent, sum, table } from "./report.ts";

const FOLDER = "build/coverage";
/** The least shares that the tests must reach, in per cent. */
const LEAST = { lines: 95, branches: 90 };

/** What is left out: the ledger reads the core's memory, and the counting build has two, so that it has nothing to look at; the rest is reached by others. */
const WITHOUT = ["test/sim/sanitizers/memory.test.ts", "test/sim/races.test.ts", "test/sim/virtio-races.test.ts"];

/** The counting build in an empty folder. */
async function compile(): Promise<void> {
  await build();
  rmSync(join(ROOT, FOLDER), { recursive: true, force: true });
  mkdirSync(join(ROOT, FOLDER), { recursive: true });
  run(process.execPath, ["tool/coverage/compile.ts", CORE.entry, `${FOLDER}/core.wasm`, `${CORE.pages}`, `${CORE.base}`]);
}

function test(): void {
  const tests = coreTests().filter((file) => !WITHOUT.includes(file));
  const groups = grouped(tests, join(ROOT, FOLDER, "tests"));
  const skipped = `--test-skip-pattern=${SKIPPED}`;
  const args = ["--test", "--test-concurrency=2", skipped, "--test-reporter=./test/reporter.ts", ...groups];
  const env = { ...process.env, HYPER_LITE_COVERAGE: FOLDER };
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: "inherit", env });
  if (status !== 0) throw new BuildError("tests fail on the counting build");
}

function report(): void {
  const points = JSON.parse(readFileSync(join(ROOT, FOLDER, "core.json"), "utf8")) as Point[];
  const counted = readdirSync(join(ROOT, FOLDER, "reached")).map((file) =>
    readFileSync(join(ROOT, FOLDER, "reached", file), "utf8"),
  );
  const files = coverageOf(points, new Set(counted.flatMap((keys) => keys.split("\n"))));
  const gaps = files.flatMap(missing);
  writeFileSync(join(ROOT, FOLDER, "lcov.info"), lcov(files));
  writeFileSync(join(ROOT, FOLDER, "missing.txt"), gaps.map((line) => `${line}\n`).join(""));
  process.stdout.write(`${gaps.join("\n")}\n\n${table(files)}\n`);
  const shares = { lines: percent(sum(files.map(linesOf))), branches: percent(sum(files.map(armsOf))) };
  for (const what of ["lines", "branches"] as const)
    if (shares[what] < LEAST[what])
      throw new BuildError(
        `${shares[what].toFixed(1)} % of the ${what} of src/ are tested, at least ${LEAST[what]} % have to be`,
      );
}

async function coverage(): Promise<void> {
  await withLock(join(ROOT, "build/lock"), compile);
  test();
  report();
}

await reported(() => withLock(join(ROOT, "build/coverage.lock"), coverage), "coverage");
