// `hyper-lite run` on a real terminal (a pseudo-terminal that `script` makes): raw mode, the escape keys, harmless output, and the terminal
// as it was afterwards.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../../tool/paths.ts";
import { HALTED_OFF, type Running, scratchSystem, start } from "./command-line.ts";

/** Runs a system on a terminal, and shows the terminal's settings behind it. */
const onTerminal = (fakeQemu: string, options = ""): Running => {
  const command = `${process.execPath} ${join(ROOT, "tool/main.ts")} run ${options} ${scratchSystem()}; echo "status $?"; stty -a`;
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

test("keys reach the core one by one, Ctrl-C and the core's own too", async () => {
  const terminal = onTerminal(`echo ready; dd bs=1 count=6 2>/dev/null | od -An -tx1; ${HALTED_OFF}`);
  await terminal.seen("ready");
  terminal.send("a");
  terminal.send("\u0003");
  terminal.send("\u0001a");
  terminal.send("\u00012");
  const { stdout } = await terminal.ended;
  assert.match(stdout, / 61 03 01 61 01 32\r\n/);
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

test("Ctrl-A a sends one Ctrl-A where the core has no keys", async () => {
  const terminal = onTerminal(`echo ready; dd bs=1 count=3 2>/dev/null | od -An -tx1; ${HALTED_OFF}`, "--console lines");
  await terminal.seen("ready");
  terminal.send("\u0001a\u0001k");
  assert.match((await terminal.ended).stdout, / 01 01 6b\r\n/);
});

/** What the core sends when another VM is chosen, as an argument of printf. */
const title = (name: string): string => `\\036\\035--- ${name} ---\\r\\n`;

/** What stands between two texts; fails if they are not there, in this order. */
const between = (text: string, from: string, to: string): string => {
  const start = text.indexOf(from);
  const end = text.indexOf(to, start);
  assert.ok(start >= 0 && end >= 0, JSON.stringify(text));
  return text.slice(start + from.length, end);
};

test("a switch undoes what the VM before has left the terminal at", async () => {
  const one = "\\033[?1049h\\033[31mred\\r\\n";
  const script = `printf '${one}${title("2 beta")}two\\r\\n${title("1 alpha")}three\\r\\n'; ${HALTED_OFF}`;
  const { stdout } = await onTerminal(script).ended;
  const reset = between(stdout, "red", "--- 2 beta ---");
  for (const part of ["\u001b[?1049l", "\u001b[0m", "\u001b[?25h"]) assert.ok(reset.includes(part), JSON.stringify(reset));
  assert.ok(!between(stdout, "two", "--- 1 alpha ---").includes("\u001b[?"), "a VM that has left nothing needs no reset");
});

test("a sequence that a VM has begun does not swallow what the next one prints", async () => {
  const { stdout } = await onTerminal(`printf 'one\\033]0;${title("2 beta")}seen\\r\\n'; ${HALTED_OFF}`).ended;
  between(stdout, "--- 2 beta ---", "seen");
});

test("line by line, neither colours nor sequences of a VM reach the line of another", async () => {
  const script = `printf 'a| \\033[31mred\\r\\na| \\033]0;\\r\\nb| seen\\r\\n'; ${HALTED_OFF}`;
  const { stdout } = await onTerminal(script, "--console lines").ended;
  assert.ok(between(stdout, "red", "b| seen").includes("\u001b[0m"));
});

test("a title stands on a line of its own", async () => {
  const { stdout } = await onTerminal(`printf '~ # \\036\\035\\r\\n--- 2 beta ---\\r\\nx\\r\\n'; ${HALTED_OFF}`).ended;
  assert.match(stdout, /~ # \r\n[^\n]*--- 2 beta ---[^\n]*\r\n/);
});

test("what is shown behind a title asks the terminal nothing, until somebody types", async () => {
  const ask = "printf 'prompt\\033[6n'";
  const terminal = onTerminal(`printf '${title("2 beta")}'; ${ask}; dd bs=1 count=1 2>/dev/null; ${ask}; ${HALTED_OFF}`);
  await terminal.seen("prompt");
  terminal.send("x");
  const { stdout } = await terminal.ended;
  assert.ok(stdout.includes("promptxprompt\u001b[6n"), JSON.stringify(stdout));
});
