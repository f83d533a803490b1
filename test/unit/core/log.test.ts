// Log lines: their format, levels by module, the limit for what a guest makes us log, and the report of a crash at EL2.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PowerOff } from "../../../sim/faults.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { start } from "../../../sim/start.ts";
import { symbolTable } from "../../../tool/chain/symbols.ts";
import { logLines, shown } from "./log-lines.ts";

/** Makes the core log a line about the guest. */
const provoke = (guest: Guest): void => guest.exception(0x3f, 0n);
const output = (logLevels: string): string => shown(start({ vm: { logLevels } }).machine.uart.output);

test("seconds since boot to the microsecond, from the counter", () => {
  const guest = start();
  guest.machine.timer.count = 771_604_876n;
  guest.machine.uart.take();
  provoke(guest);
  assert.match(shown(guest.machine.uart.output), /^<4>\[ {3}12\.345678\] cpu0 vm0 traps: /);
  guest.machine.timer.count = 62_500_000n * 123_456n;
  guest.machine.uart.take();
  provoke(guest);
  assert.match(shown(guest.machine.uart.output), /^<4>\[123456\.000000\] /);
});

test("a counter without a frequency does no harm", () => {
  const guest = start();
  guest.machine.timer.frequency = 0n;
  guest.machine.uart.take();
  provoke(guest);
  assert.match(shown(guest.machine.uart.output), /^<4>\[ {4}0\.000000\] /);
});

test("by default a module logs what is of interest, and no more", () => {
  assert.doesNotMatch(output(""), /<7>/);
  assert.match(output("mmu=debug"), /<7>\[ {4}0\.000000\] cpu0 mmu: vm0: RAM at 0x44200000, \d+ tables of stage 2\r\n/);
});

test("levels are set by module", () => {
  assert.doesNotMatch(output("vm=warning"), /guest starts/);
  assert.match(output("mmu=debug,vm=err"), /<7>.* mmu: /);
});

test("each level shows what is as urgent, and nothing else", () => {
  const levels = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
  for (const [severity, level] of levels.entries()) {
    const guest = start({ vm: { logLevels: `traps=${level},vm=${level},mmu=${level}` } });
    provoke(guest);
    const seen = shown(guest.machine.uart.output);
    const shows = [/<4>.* traps: /, /<6>.* vm: /, /<7>.* mmu: /].map((line) => line.test(seen));
    assert.deepEqual(shows, [severity >= 4, severity >= 6, severity >= 7], level);
  }
});

test("what makes no sense in log-levels is passed over", () => {
  for (const levels of ["nonsense", "=", "=,=", "vm", "vm=", "vm=loud", "nobody=debug", ",,,", "vm=warning=debug"]) {
    assert.match(output(levels), /Hyper-LITE, /, levels);
  }
  assert.doesNotMatch(output("vm=loud,vm=warning"), /guest starts/);
});

test("a guest's lines are limited to ten a second; how many were dropped is said later", () => {
  const guest = start();
  guest.machine.timer.advanceSeconds(5);
  guest.machine.uart.take();
  for (let n = 0; n < 1000; n++) provoke(guest);
  assert.equal(logLines(guest.machine.uart.take()).length, 10);
  guest.machine.timer.advanceSeconds(1);
  provoke(guest);
  const lines = logLines(guest.machine.uart.take());
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /^<4>\[.*\] cpu0 vm0 traps: 990 lines about this VM were dropped$/);
});

test("a flood of any kind stays within the limit, and never above warning", () => {
  const guest = start();
  guest.machine.uart.take();
  for (let n = 0; n < 200; n++) {
    provoke(guest);
    guest.load(0x3000_0000);
    guest.mrs([3, 3, 9, 12, 0]);
    guest.pc = 0x4008_0000n;
    guest.fetch(0x0900_0000);
    guest.serror();
  }
  const lines = logLines(guest.machine.uart.output);
  assert.ok(lines.length <= 11, `${lines.length} lines`);
  for (const line of lines) assert.match(line, /^<[4-7]>/);
});

// --- a crash at EL2

const functions = symbolTable(
  new Map([
    ["traps/sync/handle", 0x8000_0000_1000n],
    ["main/onSync", 0x8000_0000_2000n],
    ["x".repeat(100), 0x8000_0000_3000n],
  ]),
  0x1000,
);

const crashOf = (prepare: (machine: Machine) => void): string[] => {
  const { machine } = start();
  machine.uart.take();
  machine.crash.symbols = functions;
  machine.crash.registers[32] = 0x8000_0000_1010n;
  machine.crash.registers[34] = 0x9600_0044n;
  machine.crash.registers[35] = 0x8001_0000_0000n;
  prepare(machine);
  assert.throws(() => machine.core.onCrash(4n), PowerOff);
  return logLines(machine.uart.output);
};

test("a crash prints vector, syndrome and every register, at the highest severity, and ends the run", () => {
  const lines = crashOf((machine) => {
    for (let n = 0; n < 31; n++) machine.crash.registers[n] = BigInt(0x1000 + n);
    machine.crash.registers[29] = 0n;
    machine.crash.registers[31] = 0x8000_ffe0_fff0n;
  });
  for (const line of lines) assert.match(line, /^<0>\[/);
  const text = lines.join("\n");
  assert.match(text, /an exception at EL2: vector 4, class 0x25, syndrome 0x96000044/);
  assert.match(text, /pc 0x800000001010 {2}sp 0x8000ffe0fff0/);
  assert.match(text, /far 0x800100000000/);
  for (let n = 0; n < 29; n++) assert.ok(text.includes(` 0x${(0x1000 + n).toString(16)}`), `x${n}`);
  assert.match(lines.at(-1) ?? "", /halted: crash an exception at EL2, syndrome 0x96000044 at pc 0x800000001010$/);
});

const backtrace = (lines: readonly string[]): string[] => lines.flatMap((line) => /: {3}(0x.*)$/.exec(line)?.[1] ?? []);

test("a crash's backtrace has names of functions", () => {
  const lines = crashOf(({ crash }) => {
    crash.registers[29] = 0x8000_ffe0_f000n;
    crash.stack.set(0x8000_ffe0_f000n, 0x8000_ffe0_f100n);
    crash.stack.set(0x8000_ffe0_f008n, 0x8000_0000_2044n);
    crash.stack.set(0x8000_ffe0_f108n, 0x8000_0000_3004n);
  });
  assert.deepEqual(backtrace(lines), [
    "0x800000001010 traps/sync/handle+0x10",
    "0x800000002044 main/onSync+0x44",
    `0x800000003004 ${"x".repeat(63)}+0x4`,
  ]);
});

test("a backtrace that goes in circles, or on and on, ends", () => {
  const circle = crashOf(({ crash }) => {
    crash.registers[29] = 0x100n;
    crash.stack.set(0x100n, 0x100n);
  });
  assert.equal(backtrace(circle).length, 2);
  const endless = crashOf(({ crash }) => {
    crash.registers[29] = 8n;
    for (let at = 8n; at < 4000n; at += 8n) crash.stack.set(at, at + 8n);
  });
  assert.ok(backtrace(endless).length <= 25);
});

test("an address that is no function's is shown as it is", () => {
  assert.deepEqual(
    backtrace(
      crashOf(({ crash }) => {
        crash.registers[32] = 0x10n;
        crash.registers[29] = 0n;
      }),
    ),
    ["0x10"],
  );
});
