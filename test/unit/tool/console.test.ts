// The splitter of the serial line: whatever VMs print and the hypervisor logs, and wherever the stream is cut, both come out whole.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { consoleMarks, logModules } from "../../../abi/console.ts";
import { ConsoleSplitter, parseLogLine } from "../../../tool/console.ts";

class Collected {
  output = "";
  readonly logs: string[] = [];
  readonly splitter = new ConsoleSplitter({
    vm: (bytes) => {
      this.output += bytes.toString("latin1");
    },
    log: (line) => this.logs.push(line),
  });

  push(text: string): this {
    this.splitter.push(Buffer.from(text, "latin1"));
    return this;
  }
}

const LOG = "<6>[    1.000002] cpu0 vm1 vgic: text";

test("a log line between two lines of a VM", () => {
  const { output, logs } = new Collected().push(`one\r\n${LOG}\r\ntwo\r\n`);
  assert.equal(output, "one\r\ntwo\r\n");
  assert.deepEqual(logs, [LOG]);
});

test("a log line inside a line of a VM leaves no trace", () => {
  const { output, logs } = new Collected().push(`~ # ${consoleMarks.LINE_BREAK}${LOG}\r\nls\r\n`);
  assert.equal(output, "~ # ls\r\n");
  assert.deepEqual(logs, [LOG]);
});

test("a prompt comes at once, without its end of line", () => {
  assert.equal(new Collected().push("boot\r\n~ # ").output, "boot\r\n~ # ");
});

test("a log line that a VM prints in the middle of a line is its own", () => {
  const { output, logs } = new Collected().push(`x${LOG}\r\n`);
  assert.equal(output, `x${LOG}\r\n`);
  assert.deepEqual(logs, []);
});

test("Linux's own raw log is a VM's output", () => {
  const { output } = new Collected().push("<6>[    0.000000] Booting Linux on physical CPU 0x0\r\n");
  assert.equal(output, "<6>[    0.000000] Booting Linux on physical CPU 0x0\r\n");
});

test("a mark without a log line is a VM's output", () => {
  assert.equal(new Collected().push(`a${consoleMarks.LINE_BREAK}b`).output, `a${consoleMarks.LINE_BREAK}b`);
});

test("what looks like a log line is held back until it is released", () => {
  const collected = new Collected().push("\n<6>");
  assert.equal(collected.output, "\n");
  assert.equal(collected.splitter.holds, true);
  collected.splitter.release();
  assert.equal(collected.output, "\n<6>");
  assert.equal(collected.splitter.holds, false);
  assert.equal(collected.push(" yes\r\n").output, "\n<6> yes\r\n");
});

test("a log line that was released too early is still logged whole", () => {
  const collected = new Collected().push("<6>[    1.0");
  collected.splitter.release();
  collected.push(`00002] cpu0 vm1 vgic: text\r\nnext`);
  assert.deepEqual(collected.logs, [LOG]);
  assert.equal(collected.output, "<6>[    1.0next");
});

test("a log line without an end does not grow for ever", () => {
  const collected = new Collected().push("<6>[    1.000002] cpu0 main: ");
  for (let count = 0; count < 100; count++) collected.push("x".repeat(100));
  assert.ok(collected.logs.length >= 2);
});

test("the end hands out what is left", () => {
  const { splitter, logs } = new Collected().push(LOG);
  splitter.end();
  assert.deepEqual(logs, [LOG]);
});

test("the last line says how the run ended", () => {
  assert.deepEqual(parseLogLine("<6>[   12.345678] halted: off").halted, { off: true, reason: "" });
  assert.deepEqual(parseLogLine("<0>[    0.000100] halted: crash no bundle").halted, { off: false, reason: "no bundle" });
  assert.equal(parseLogLine(LOG).halted, undefined);
  assert.equal(parseLogLine("<3>[    0.000100] cpu0 main: x").severity, 3);
});

/** One thing on the line: bytes of a VM, or a log line. */
type Item = { readonly vm: string } | { readonly log: string };

const vmText = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 30 }).map((codes) => String.fromCharCode(...codes)),
  fc
    .array(
      fc.constantFrom("\n", "\r\n", "<", "<6>", "<6>[", "<6>[   1.0", "\u001e", "\u001e\r", "\u001e\r\n", "# ", "halted: off"),
      { maxLength: 6 },
    )
    .map((parts) => parts.join("")),
);
const logLine = fc
  .record({
    severity: fc.nat(7),
    seconds: fc.nat(99_999),
    micros: fc.nat(999_999),
    vm: fc.option(fc.nat(9), { nil: undefined }),
    module: fc.constantFrom(...logModules),
    text: fc.stringMatching(/^[ -~]{0,30}$/),
  })
  .map(({ severity, seconds, micros, vm, module, text }) => {
    const time = `${String(seconds).padStart(5)}.${String(micros).padStart(6, "0")}`;
    return `<${severity}>[${time}] cpu0 ${vm === undefined ? "" : `vm${vm} `}${module}: ${text}`;
  });
const item: fc.Arbitrary<Item> = fc.oneof(
  vmText.map((vm) => ({ vm })),
  logLine.map((log) => ({ log })),
);

/** Whether a VM prints the mark itself, just before a log line: then nothing tells the two marks apart. */
const ambiguous = (items: readonly Item[]): boolean => {
  let output = "";
  return items.some((entry) => {
    if ("log" in entry) return output.endsWith(consoleMarks.LINE_BREAK);
    output += entry.vm;
    return false;
  });
};

/** The serial line as the hypervisor writes it. */
const serialLine = (items: readonly Item[]): string => {
  let line = "";
  for (const entry of items) {
    if ("vm" in entry) line += entry.vm;
    else line += `${line === "" || line.endsWith("\n") ? "" : consoleMarks.LINE_BREAK}${entry.log}\r\n`;
  }
  return line;
};

test("wherever the stream is cut, no byte is lost, moved or added", () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 12 }), fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (items, cuts) => {
      fc.pre(!ambiguous(items));
      const collected = new Collected();
      let line = serialLine(items);
      while (line !== "") {
        const cut = cuts.next().value;
        collected.push(line.slice(0, cut));
        line = line.slice(cut);
      }
      collected.splitter.end();
      assert.equal(collected.output, items.map((entry) => ("vm" in entry ? entry.vm : "")).join(""));
      assert.deepEqual(
        collected.logs,
        items.flatMap((entry) => ("log" in entry ? [entry.log] : [])),
      );
    }),
    { numRuns: 3000 },
  );
});

test("at any moment nothing is held back but what may start a log line", () => {
  fc.assert(
    fc.property(fc.array(vmText, { maxLength: 6 }), (texts) => {
      const collected = new Collected();
      for (const text of texts) collected.push(text);
      const held = texts.join("").slice(collected.output.length).replace("\u001e", "␞");
      assert.match(held, /^(?:␞(?:\r\n?)?)?(?:<.*)?$/);
      assert.ok(held.length < 64);
    }),
    { numRuns: 1000 },
  );
});
