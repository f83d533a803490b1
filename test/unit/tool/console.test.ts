// The splitter of the serial line: whatever VMs print and the hypervisor logs, and wherever the stream is cut, both come out whole.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { consoleMarks, logModules } from "../../../abi/console.ts";
import { ConsoleSplitter, parseLogLine } from "../../../tool/console.ts";

class Collected {
  output = "";
  readonly logs: string[] = [];
  readonly notes: { readonly line: string; readonly switched: boolean }[] = [];
  readonly splitter = new ConsoleSplitter({
    vm: (bytes) => {
      this.output += bytes.toString("latin1");
    },
    log: (line) => this.logs.push(line),
    note: (line, switched) => this.notes.push({ line, switched }),
  });

  push(text: string): this {
    this.splitter.push(Buffer.from(text, "latin1"));
    return this;
  }
}

const MARK = "\u001e";
const NOTE = "\u001f";
const SWITCH = "\u001d";
const LOG = "<6>[    1.000002] cpu0 vm1 vgic: text";

test("a log line between two lines of a VM", () => {
  const { output, logs } = new Collected().push(`one\r\n${MARK}${LOG}\r\ntwo\r\n`);
  assert.equal(output, "one\r\ntwo\r\n");
  assert.deepEqual(logs, [LOG]);
});

test("a log line inside a line of a VM leaves no trace", () => {
  const { output, logs } = new Collected().push(`~ # ${MARK}\r\n${LOG}\r\nls\r\n`);
  assert.equal(output, "~ # ls\r\n");
  assert.deepEqual(logs, [LOG]);
});

test("a VM cannot forge a log line", () => {
  const { output, logs } = new Collected().push(`${LOG}\r\n${MARK}${MARK}${LOG}\r\n`);
  assert.equal(output, `${LOG}\r\n${MARK}${LOG}\r\n`);
  assert.deepEqual(logs, []);
});

test("a note of the console inside a line of a VM leaves no trace either, and says whether another VM follows", () => {
  const { output, logs, notes } = new Collected().push(`~ # ${MARK}${NOTE}\r\nhelp\r\n${MARK}${SWITCH}--- 2 beta ---\r\nls\r\n`);
  assert.equal(output, "~ # ls\r\n");
  assert.deepEqual(logs, []);
  assert.deepEqual(notes, [
    { line: "help", switched: false },
    { line: "--- 2 beta ---", switched: true },
  ]);
});

test("a VM cannot forge a note", () => {
  const forged = `${MARK}${SWITCH}--- 2 beta ---\r\n`;
  const { output, notes } = new Collected().push(forged.replaceAll(MARK, MARK + MARK));
  assert.equal(output, forged);
  assert.deepEqual(notes, []);
});

test("what a VM prints comes at once: a prompt, and what looks like a log line", () => {
  assert.equal(new Collected().push("boot\r\n<6>[ ").output, "boot\r\n<6>[ ");
});

test("the end hands out what is left", () => {
  const { splitter, logs } = new Collected().push(`${MARK}${LOG}`);
  splitter.end();
  assert.deepEqual(logs, [LOG]);
});

test("the last line says how the run ended", () => {
  assert.deepEqual(parseLogLine("<6>[   12.345678] halted: off").halted, { off: true, reason: "" });
  assert.deepEqual(parseLogLine("<0>[    0.000100] halted: crash no bundle").halted, { off: false, reason: "no bundle" });
  assert.equal(parseLogLine(LOG).halted, undefined);
  assert.equal(parseLogLine("<3>[    0.000100] cpu0 main: x").severity, 3);
});

/** One thing on the line: bytes of a VM, a log line, or a note. */
type Item = { readonly vm: string } | { readonly log: string } | { readonly note: string; readonly switched: boolean };

const vmText = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(consoleMarks.MARK, consoleMarks.NOTE, consoleMarks.SWITCH, 0x0d, 0x0a, 0x3c),
    ),
    { maxLength: 30 },
  )
  .map((codes) => String.fromCharCode(...codes));
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
  fc.record({ note: fc.stringMatching(/^[ -~]{1,30}$/), switched: fc.boolean() }),
);

/** The serial line as the hypervisor writes it. */
const serialLine = (items: readonly Item[]): string => {
  let line = "";
  let midLine = false;
  for (const entry of items) {
    if ("vm" in entry) {
      line += entry.vm.replaceAll(MARK, MARK + MARK);
      if (entry.vm !== "") midLine = !entry.vm.endsWith("\n");
    } else {
      const [kind, text] = "log" in entry ? ["", entry.log] : [entry.switched ? SWITCH : NOTE, entry.note];
      line += `${MARK}${kind}${midLine ? "\r\n" : ""}${text}\r\n`;
      midLine = false;
    }
  }
  return line;
};

test("wherever the stream is cut, no byte is lost, moved or added", () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 12 }), fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (items, cuts) => {
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
      assert.deepEqual(
        collected.notes,
        items.flatMap((entry) => ("note" in entry ? [{ line: entry.note, switched: entry.switched }] : [])),
      );
    }),
    { numRuns: 3000, seed: 1 },
  );
});
