// The console in the core (docs/consoles.md): who is shown, who gets what is typed, what is kept, and that no byte is lost, added or in another's line,
// whatever VMs print and however slow the line is.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Console, NAMES } from "./console-alone.ts";
import { kinds, notes, type Piece, pieces, printed } from "./console-output.ts";

const KIB = 1024;
const RING = 64 * KIB;
const A = "\u0001";

const terminal = (vms = 3): Console => {
  const console = new Console(true, vms);
  console.take();
  return console;
};
const byLine = (vms = 3, depth?: number): Console => new Console(false, vms, depth);

// --- one VM

test("one VM: every byte passes, and nothing is added", () => {
  for (const mode of [true, false]) {
    const console = new Console(mode, 1);
    console.print(0, "boot\r\n~ # ");
    assert.equal(console.take(), "boot\r\n~ # ");
  }
});

test("a log line inside a VM's line can be taken out again", () => {
  const console = byLine(1);
  console.print(0, "~ # ");
  console.core.logLine(7);
  console.print(0, "ls\r\n");
  assert.deepEqual(kinds(console.take()), ["vm: ~ # ", "log: <6>[    1.000000] cpu0 main: line 7", "vm: ls\r\n"]);
});

test("a log line whose text ends with a percent sign shows it", () => {
  const console = byLine(1);
  console.core.logPart(99);
  assert.deepEqual(kinds(console.take()), ["log: <6>[    1.000000] cpu0 main: 99 of 100%"]);
});

// --- a terminal

test("the first VM has the focus, and is named when there are others", () => {
  assert.deepEqual(kinds(new Console(true, 2).take()), ["switch: --- 1 alpha --- Ctrl-A h helps"]);
  assert.equal(new Console(true, 1).take(), "");
});

test("the first VM gets the focus though another one is open before it, unless somebody has typed for that one", () => {
  const late = new Console(true, 0);
  late.core.setMode(1, 2);
  late.open(1);
  late.open(0);
  assert.equal(late.core.focus(), 0);
  const typed = new Console(true, 0);
  typed.core.setMode(1, 2);
  typed.open(1);
  typed.type("x");
  typed.open(0);
  assert.equal(typed.core.focus(), 1);
});

test("what others print waits until they are chosen, and is marked meanwhile", () => {
  const console = terminal();
  console.print(1, "beta boots\r\n");
  console.print(0, "alpha boots\r\n");
  assert.equal(console.take(), "alpha boots\r\n");
  console.type(`${A}h`);
  assert.deepEqual(notes(console.take()).slice(0, 3), [" > 1 alpha", "   2 beta *", "   3 gamma"]);
  console.type(`${A}2`);
  assert.deepEqual(kinds(console.take()), ["switch: --- 2 beta --- Ctrl-A h helps", "vm: beta boots\r\n"]);
  console.type(`${A}h`);
  assert.deepEqual(notes(console.take()).slice(0, 3), ["   1 alpha", " > 2 beta", "   3 gamma"]);
});

test("of what was not shown the last 64 KiB are kept, and it is said that there was more", () => {
  const console = terminal(2);
  const text = Array.from({ length: 20_000 }, (_, n) => `line ${n}\r\n`).join("");
  console.print(1, text);
  console.type(`${A}2`);
  const output = console.take();
  assert.deepEqual(notes(output), ["--- 2 beta, older output was dropped --- Ctrl-A h helps"]);
  assert.equal(printed(output), text.slice(-RING));
  console.type(`${A}1${A}2`);
  assert.ok(!notes(console.take()).some((note) => note.includes("dropped")), "said once");
});

test("a prompt is shown again when its VM is chosen", () => {
  const console = terminal(2);
  console.print(0, "login\r\n~ # ");
  console.take();
  console.type(`${A}2${A}1`);
  assert.equal(printed(console.take()), "~ # ");
});

test("keys choose a VM by number, the next and the previous one; only that VM gets what is typed", () => {
  const console = terminal(3);
  for (const [keys, focus] of [
    ["2", 1],
    ["n", 2],
    ["n", 0],
    ["p", 2],
    ["3", 2],
    ["1", 0],
  ] as const) {
    console.type(A + keys);
    assert.equal(console.core.focus(), focus, keys);
    console.type(`for ${focus}`);
    assert.equal(console.read(focus), `for ${focus}`);
    for (let n = 0; n < 3; n++) assert.equal(console.read(n), "");
  }
});

test("with more than nine VMs all are reached by n and p", () => {
  const console = terminal(64);
  for (let n = 1; n < 64; n++) {
    console.type(`${A}n`);
    assert.equal(console.core.focus(), n);
  }
  console.type(`${A}n`);
  assert.equal(console.core.focus(), 0);
  console.type(`${A}p`);
  assert.equal(console.core.focus(), 63);
  console.take();
  console.type(`${A}h`);
  assert.equal(notes(console.take()).length, 65);
});

test("Ctrl-A a and Ctrl-A Ctrl-A send one Ctrl-A, any other key goes through together with it", () => {
  const console = terminal();
  console.type(`${A}a|${A}A|${A}${A}|${A}k|${A}x`);
  assert.equal(console.read(0), `${A}|${A}|${A}|${A}k|${A}x`);
});

test("the keys may come apart", () => {
  const console = terminal();
  console.type(A);
  console.type("2");
  assert.equal(console.core.focus(), 1);
});

test("what is typed around a switch goes to the right VM", () => {
  const console = terminal();
  console.core.listen(0, 1);
  console.core.listen(1, 1);
  console.uart.type(`one${A}2two`);
  assert.deepEqual(console.interrupt(), [0, 1]);
  assert.equal(console.read(0), "one");
  assert.equal(console.read(1), "two");
});

for (const key of ["h", "H", "?"]) {
  test(`behind the help, Ctrl-A ${key}, the VM's unfinished line stands again`, () => {
    const console = terminal();
    console.print(0, "done\r\n/root # ");
    console.take();
    console.type(`${A}${key}`);
    const output = kinds(console.take());
    assert.match(output.at(-2) ?? "", /^note: Ctrl-A, then:/);
    assert.equal(output.at(-1), "vm: /root # ");
  });
}

test("keys work though the VM reads nothing, and what it leaves does not stop them", () => {
  const console = terminal();
  for (let n = 0; n < 200; n++) console.type("x".repeat(100));
  console.type(`${A}2`);
  assert.equal(console.core.focus(), 1);
  assert.equal(console.read(0), "x".repeat(16 * KIB));
});

test("the log has the focus: it is shown as it is kept, comes as it is written, and nothing typed reaches a VM", () => {
  const console = terminal();
  for (let n = 0; n < 3; n++) console.core.logLine(n);
  console.take();
  console.type(`${A}0lost`);
  console.core.logLine(3);
  console.print(0, "hidden");
  const log = (n: number): string => `<6>[    1.000000] cpu0 main: line ${n}`;
  assert.deepEqual(kinds(console.take()), [
    "switch: --- 0 the log --- Ctrl-A h helps",
    ...[0, 1, 2].map((n) => `note: ${log(n)}`),
    `log: ${log(3)}`,
  ]);
  for (let n = 0; n < 3; n++) assert.equal(console.read(n), "");
  console.type(`${A}1`);
  assert.equal(printed(console.take()), "hidden");
});

test("a log that is longer than what is kept is shown from the start of a line", () => {
  const console = terminal();
  for (let n = 0; n < 3000; n++) console.core.logLine(n);
  console.take();
  console.type(`${A}0`);
  const shown = notes(console.take()).slice(1);
  assert.ok(shown.length > 1500);
  for (const [n, line] of shown.entries()) assert.equal(line, `<6>[    1.000000] cpu0 main: line ${3000 - shown.length + n}`);
});

test("new lines while an old log is still on its way to a slow line do no harm", () => {
  const console = new Console(true, 2, 16);
  for (let n = 0; n < 3000; n++) console.core.logLine(n);
  console.take();
  console.type(`${A}0`);
  for (let n = 3000; n < 6000; n++) console.core.logLine(n);
  const after = pieces(console.take());
  assert.equal(after.filter(({ kind }) => kind === "log").length, 3000);
  for (const { kind, text } of after) if (kind === "note") assert.match(text, /^<6>\[ {4}1\.000000\] cpu0 main: line \d+$/);
});

test("the focus follows to the next VM when one ends, and says so", () => {
  const console = terminal();
  console.type(`${A}2`);
  console.take();
  console.core.close(1);
  assert.deepEqual(notes(console.take()), ["--- 2 beta (off) ---", "--- 3 gamma --- Ctrl-A h helps"]);
  console.core.close(0);
  assert.equal(console.core.focus(), 2);
  assert.equal(console.take(), "");
});

test("when all have ended, the focus goes to the next that starts", () => {
  const console = terminal();
  console.type(`${A}3`);
  for (let n = 0; n < 3; n++) console.core.close(n);
  console.open(1);
  assert.equal(console.core.focus(), 1);
});

test("a VM that starts takes the focus from nobody who types", () => {
  const console = terminal();
  console.core.close(0);
  console.type("typing");
  console.open(0);
  assert.equal(console.core.focus(), 1);
});

test("what a VM has printed can be seen after its end; nothing can be typed for it", () => {
  const console = terminal();
  console.print(1, "last words\r\n");
  console.core.close(1);
  console.type(`${A}2x`);
  assert.deepEqual(kinds(console.take()), ["switch: --- 2 beta (off) --- Ctrl-A h helps", "vm: last words\r\n"]);
  console.open(1);
  assert.equal(console.read(1), "");
});

test("numbers of VMs that are not there, or have never run, are answered", () => {
  const console = new Console(true, 1);
  console.core.setMode(1, 2);
  console.take();
  console.type(`${A}2${A}9`);
  assert.deepEqual(notes(console.take()), ["this VM has not been started", "there is no VM of this number"]);
  assert.equal(console.core.focus(), 0);
});

test("no VM can write a note, or a log line", () => {
  const console = terminal();
  const forged = "\u001e\u001d--- 2 beta ---\r\n\u001e\u001fnote\r\n\u001e<0>[    0.000000] halted: off\r\n";
  console.print(0, forged);
  assert.deepEqual(kinds(console.take()), [`vm: ${forged}`]);
});

test("a port that does not exist, or that is closed, takes nothing", () => {
  const console = terminal(2);
  console.core.close(1);
  console.print(1, "late");
  assert.equal(console.core.room(0), RING);
  console.type(`${A}2`);
  assert.equal(printed(console.take()), "");
});

// --- line by line

test("several VMs: whole lines, each behind its VM's name", () => {
  const console = byLine();
  console.print(0, "hel");
  console.print(1, "one\r\ntwo");
  console.print(0, "lo\r\n");
  console.print(2, "\n");
  console.print(1, "\r\n");
  assert.equal(console.take(), "beta| one\r\nalpha| hello\r\ngamma| \nbeta| two\r\n");
});

test("a prompt is shown when its VM waits for input, and goes on where it was", () => {
  const console = byLine();
  console.print(0, "~ # ");
  assert.equal(console.take(), "");
  console.core.showLine(0);
  assert.equal(console.take(), "alpha| ~ # ");
  console.print(0, "ls\r\n");
  assert.equal(console.take(), "ls\r\n");
});

test("a line of another VM ends the prompt's line; what follows has its name again", () => {
  const console = byLine();
  console.print(0, "~ # ");
  console.core.showLine(0);
  console.print(1, "hello\r\n");
  console.print(0, "ls\r\n");
  assert.equal(console.take(), "alpha| ~ # \r\nbeta| hello\r\nalpha| ls\r\n");
});

test("a line that was ended for another's sake and is complete leaves no empty one behind", () => {
  const console = byLine();
  console.print(0, "done");
  console.core.showLine(0);
  console.print(1, "hello\r\n");
  console.print(0, "\r\nnext\r\n");
  assert.equal(console.take(), "alpha| done\r\nbeta| hello\r\nalpha| next\r\n");
});

test("what a VM leaves unfinished is shown when it ends, or starts anew, or the run ends", () => {
  const console = byLine();
  console.print(0, "crash");
  console.open(0);
  assert.equal(console.take(), "alpha| crash\r\n");
  console.print(1, "bye");
  console.core.close(1);
  assert.equal(console.take(), "beta| bye\r\n");
  console.print(2, "end");
  console.off();
  assert.deepEqual(kinds(console.take()), ["vm: gamma| end", "log: <6>[    1.000000] halted: off"]);
});

test("a line without an end is shown in parts", () => {
  const console = byLine();
  console.print(0, "x".repeat(100 * KIB));
  const output = console.take();
  assert.ok(output.length > 64 * KIB);
  assert.match(output, /^alpha\| x+$/);
});

test("nobody's lines wait for ever behind another's", () => {
  const console = byLine(3, 16);
  for (let n = 0; n < 500; n++) console.print(0, `line ${n}\r\n`);
  console.print(1, "me too\r\n");
  assert.ok(console.take().indexOf("beta| me too") < 500);
});

test("input goes to the first VM that runs, as it is, and waits with the board until that reads", () => {
  const console = byLine();
  console.uart.type(`${A}2 text`);
  assert.equal(console.uart.line, false);
  assert.equal(console.read(1), "");
  assert.equal(console.uart.waiting, 7);
  console.core.listen(0, 1);
  assert.deepEqual(console.interrupt(), [0]);
  assert.equal(console.read(0), `${A}2 text`);
  console.core.listen(0, 0);
  console.uart.type("more");
  console.core.listen(1, 1);
  assert.equal(console.uart.line, false);
  console.core.close(0);
  assert.deepEqual(console.interrupt(), [1]);
  assert.equal(console.read(1), "more");
});

// --- a slow line

test("the end of the run waits for what is still to be shown", () => {
  const console = byLine(2, 16);
  console.print(0, `${"x".repeat(1000)}\r\n`);
  console.print(1, "y\r\n");
  console.off();
  const output = console.uart.take();
  assert.equal(printed(output), `alpha| ${"x".repeat(1000)}\r\nbeta| y\r\n`);
  assert.match(output, /halted: off\r\n$/);
});

/** Prints until there is no room any more. */
const fill = (console: Console, n: number): void => {
  for (let tries = 0; tries < 100 && console.core.room(n) >= 64; tries++) console.print(n, "x".repeat(KIB));
  assert.ok(console.core.room(n) < 64);
};

test("on a terminal only who is shown has to wait for room", () => {
  const console = new Console(true, 2, 16);
  fill(console, 0);
  console.print(1, "y".repeat(2 * RING));
  assert.equal(console.core.room(1) >>> 0, 0xffff_ffff);
});

test("a VM that waited for room is told when there is some, and when nobody looks any more", () => {
  for (const act of ["settle", "switch"] as const) {
    const console = new Console(true, 2, 16);
    fill(console, 0);
    const concerned = new Set<number>();
    if (act === "switch") console.type(`${A}2`);
    for (let n = 0; n < 10_000; n++) {
      console.uart.transmit(16);
      for (const vm of console.interrupt()) concerned.add(vm);
    }
    assert.deepEqual([...concerned], [0], act);
  }
});

test("a UART that is stuck stops nobody, is waited for once, and speaks again when it can", () => {
  const console = new Console(false, 1, 0);
  const { uart } = console;
  let looks = 0;
  const read = uart.read.bind(uart);
  uart.read = (offset, bytes) => {
    looks++;
    return read(offset, bytes);
  };
  console.core.logLine(1);
  const first = looks;
  for (let n = 0; n < 100; n++) console.core.logLine(2);
  console.print(0, "x");
  assert.ok(looks - first < first, "waited for once");
  assert.equal(uart.output, "");
  uart.outputDepth = Number.POSITIVE_INFINITY;
  console.core.logLine(3);
  console.print(0, "y");
  assert.deepEqual(kinds(console.take()), ["log: <6>[    1.000000] cpu0 main: line 3", "vm: xy"]);
});

const text = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom("a", "b", " ", "\r", "\u001d", "\u001e", "\u001f", "\u00ff") },
      { weight: 2, arbitrary: fc.constant("\r\n") },
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(""));
const vm = fc.nat(NAMES.length - 1);
const KEYS = ["h", "0", "1", "2", "3", "4", "n", "p", "a", "k"].map((key) => A + key);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant("print" as const), vm, text }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("show" as const), vm }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("transmit" as const), bytes: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant({ what: "log" as const }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("type" as const), keys: fc.constantFrom("xyz", ...KEYS) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const steps = fc.array(step, { maxLength: 60 });
const depth = fc.constantFrom(1, 2, 16, 32, Number.POSITIVE_INFINITY);

/** Plays the steps. Returns what each VM has printed, and how many lines were logged. */
const play = (console: Console, played: readonly Step[], vms: number): { texts: string[]; logged: number } => {
  const texts = NAMES.map(() => "");
  let logged = 0;
  for (const one of played) {
    if (one.what === "print" && one.vm < vms) {
      console.print(one.vm, one.text);
      texts[one.vm] += one.text;
    } else if (one.what === "show" && one.vm < vms) console.core.showLine(one.vm);
    else if (one.what === "transmit") {
      console.uart.transmit(one.bytes);
      console.interrupt();
    } else if (one.what === "log") console.core.logLine(logged++);
    else if (one.what === "type") console.type(one.keys);
  }
  return { texts, logged };
};

const logs = (all: readonly Piece[]): number => all.filter(({ kind }) => kind === "log").length;

test("property: of one VM every byte passes", () => {
  fc.assert(
    fc.property(steps, depth, (played, fifo) => {
      const console = new Console(false, 1, fifo);
      const { texts, logged } = play(console, played, 1);
      const output = console.take();
      assert.equal(printed(output), texts[0]);
      assert.equal(logs(pieces(output)), logged);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("property: line by line, every line is whole, and behind the name of who has printed it", () => {
  fc.assert(
    fc.property(steps, depth, fc.boolean(), (played, fifo, shows) => {
      const console = byLine(NAMES.length, fifo);
      const { texts, logged } = play(
        console,
        played.filter(({ what }) => shows || what !== "show"),
        NAMES.length,
      );
      for (const n of NAMES.keys()) console.core.close(n);
      const output = console.take();
      assert.equal(logs(pieces(output)), logged);
      const got = NAMES.map(() => "");
      const lines = printed(output).split("\n");
      assert.equal(lines.pop(), "");
      for (const line of lines) {
        const n = NAMES.findIndex((name) => line.startsWith(`${name}| `));
        assert.notEqual(n, -1, JSON.stringify(line));
        got[n] += `${line.slice(NAMES[n]!.length + 2)}\n`;
      }
      for (const [n, all] of texts.entries()) {
        const wanted = all === "" || all.endsWith("\n") ? all : `${all}\r\n`;
        // A prompt that was shown may have been ended for another's sake: then ends of lines differ, and nothing else.
        const ends = shows ? /[\r\n]/g : /(?!)/g;
        assert.equal(got[n]!.replaceAll(ends, ""), wanted.replaceAll(ends, ""));
      }
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("property: on a terminal, behind each title stands what that VM has printed, in order, and all of it in the end", () => {
  fc.assert(
    fc.property(steps, depth, (played, fifo) => {
      const console = new Console(true, NAMES.length, fifo);
      const { texts, logged } = play(console, played, NAMES.length);
      for (const n of NAMES.keys()) {
        console.type(A + (n + 1));
        console.settle();
      }
      const all = pieces(console.take());
      assert.equal(logs(all), logged);
      const shown = NAMES.map(() => "");
      let focus = -1;
      for (const { kind, text: piece } of all) {
        if (kind === "switch") focus = Number(piece.charAt(4)) - 1;
        if (kind !== "vm") continue;
        const before = shown[focus]!;
        // The prompt that was shown may be shown again.
        const line = before.slice(0, before.lastIndexOf("\n") + 1);
        const next = [before + piece, line + piece].find((candidate) => texts[focus]!.startsWith(candidate));
        assert.notEqual(next, undefined, JSON.stringify([before, piece, texts[focus]]));
        shown[focus] = next!;
      }
      assert.deepEqual(shown, texts);
    }),
    { numRuns: 500, seed: 1 },
  );
});
