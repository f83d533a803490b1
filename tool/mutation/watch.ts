// Loaded before test files (`node --import`): tells the mutation check what happens as it happens, a line each, and ends the process at the first failure.
// A reporter would be told later: while tests run one behind the other, nothing comes to it.

import { writeSync } from "node:fs";
import { relative } from "node:path";
import { afterEach, beforeEach, type TestContext } from "node:test";
import { isMainThread } from "node:worker_threads";

const [STDOUT, ROOT] = [1, process.cwd()];

/** What Node 24 says of a test besides, once it has ended; its types do not know of it. */
interface Ended extends TestContext {
  readonly passed: boolean;
  readonly error: Error | null;
}

let start = 0;
const fileOf = ({ filePath }: TestContext): string => relative(ROOT, filePath ?? "");

// A test's own threads load this as well.
if (isMainThread) {
  beforeEach((context) => {
    start = performance.now();
    writeSync(STDOUT, `started ${fileOf(context as TestContext)}\n`);
  });
  afterEach((context) => {
    const test = context as Ended;
    if (test.passed) writeSync(STDOUT, `passed ${fileOf(test)} ${performance.now() - start}\n`);
    else {
      writeSync(STDOUT, `FAILED ${fileOf(test)} › ${test.fullName.replaceAll(/\s+/g, " ")}\n${test.error}\n`);
      process.exit(1);
    }
  });
}
