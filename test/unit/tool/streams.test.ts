// The standard streams of the `hyper-lite` command when nobody takes what it writes: what is lost on stdout fails it, with a word; stderr is no reason to.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../../tool/paths.ts";
import { type Ended, HALTED_OFF, scratchSystem, start } from "./command-line.ts";

/** Runs the command with its streams redirected. */
const redirected = (redirection: string, args: readonly string[], fakeQemu?: string): Promise<Ended> =>
  start("bash", ["-c", `"$0" "$@" ${redirection}`, process.execPath, join(ROOT, "tool/main.ts"), ...args], fakeQemu).ended;

for (const args of [["schema"], ["--help"], ["validate", scratchSystem()], ["run", scratchSystem()]]) {
  test(`${args[0]} onto a full disk`, async () => {
    const { status, stderr } = await redirected(">/dev/full", args, `echo from the VM; ${HALTED_OFF}`);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^hyper-lite: cannot write to stdout: no space left on device$/m);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });
}

test("a reader that goes away ends the run", async () => {
  const { status, stderr } = await redirected(
    "| head -1; exit $PIPESTATUS",
    ["run", scratchSystem()],
    "while echo more; do sleep 0.1; done",
  );
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^hyper-lite: cannot write to stdout: broken pipe$/m);
});

test("without stderr the VM runs on", async () => {
  const log = "printf '\\036<6>[    0.000001] log\\r\\n'; sleep 0.1";
  const { status, stdout } = await redirected(
    "2> >(exit 0)",
    ["run", scratchSystem()],
    `${log}; ${log}; echo from the VM; ${HALTED_OFF}`,
  );
  assert.equal(status, 0);
  assert.equal(stdout, "from the VM\n");
});
