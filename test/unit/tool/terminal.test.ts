// `hyper-lite run` on a real terminal (a pseudo-terminal that `script` makes): raw mode, the escape keys, harmless output, and the terminal
// as it was afterwards.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../../tool/paths.ts";
import { HALTED_OFF, type Running, scratchSystem, start } from "./command-line.ts";

/** Runs a system on a terminal, and shows the terminal's settings behind it. */
const onTerminal = (fakeQemu: string): Running => {
  const command = `${process.execPath} ${join(ROOT, "tool/main.ts")} run ${scratchSystem()}; echo "status $?"; stty -a`;
  return start("script", ["-qec", command, "/dev/null"], fakeQemu);
};

const assertRestored = (stdout: string): void => {
  assert.match(stdout, /\bicanon\b/);
  assert.match(stdout, /\becho\b/);
  assert.match(stdout, /\bisig\b/);
};

test("Ctrl-A x leaves with 0 and restores the terminal, though nothing answers", async () => {
  const terminal = onTerminal("echo ready; exec sleep 30");
  await terminal.seen("ready");
  terminal.send("\u0001x");
  const { stdout } = await terminal.ended;
  assert.match(stdout, /status 0\r\n/);
  assertRestored(stdout);
});

test("keys reach the VM one by one, Ctrl-C too", async () => {
  const terminal = onTerminal(`echo ready; dd bs=1 count=3 2>/dev/null | od -An -tx1; ${HALTED_OFF}`);
  await terminal.seen("ready");
  terminal.send("a");
  terminal.send("\u0003");
  terminal.send("\u0001a");
  const { stdout } = await terminal.ended;
  assert.match(stdout, / 61 03 01\r\n/);
  assert.match(stdout, /status 0\r\n/);
  assertRestored(stdout);
});

test("a crash leaves the terminal restored", async () => {
  const { stdout } = await onTerminal("printf '\\036<0>[    0.000001] halted: crash oops\\r\\n'").ended;
  assert.match(stdout, /status 1\r\n/);
  assertRestored(stdout);
});

test("a kill leaves the terminal restored", async () => {
  const { stdout } = await onTerminal("echo ready; kill -TERM $PPID; exec sleep 30").ended;
  assert.match(stdout, /status 143\r\n/);
  assertRestored(stdout);
});

test("what could harm the terminal does not reach it", async () => {
  const { stdout } = await onTerminal(`printf 'a\\033]0;title\\007b\\033[31mc\\r\\n'; ${HALTED_OFF}`).ended;
  assert.ok(stdout.startsWith("ab\u001b[31mc\r"));
});

test("a log line in the middle of a VM's line stands on a line of its own", async () => {
  const { stdout } = await onTerminal(`printf '# \\036\\r\\n<6>[    0.000001] cpu0 main: log\\r\\n'; ${HALTED_OFF}`).ended;
  assert.match(stdout, /# \r\n\S*<6>\[ {4}0\.000001\] cpu0 main: log/);
});
