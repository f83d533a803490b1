// What a guest prints to a terminal: everyday sequences pass, those that can harm whoever sits there do not (attack 54).

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { showsAlternateScreen, TerminalFilter, terminalReset } from "../../../tool/terminal-filter.ts";

const filter = (text: string | Uint8Array): string =>
  new TerminalFilter().filter(typeof text === "string" ? Buffer.from(text) : text);

const passing: Readonly<Record<string, string>> = {
  text: "héllo – 世界 🙂\r\n\ttab\b\u0007",
  colours: "\u001b[1;31mred\u001b[0m\u001b[38;2;1;2;3m\u001b[38:5:7m",
  "cursor movement": "\u001b[H\u001b[2J\u001b[10;20H\u001b[3A\u001b[K\u001b[?25l\u001b7\u001b8",
  "alternate screen and keypad": "\u001b[?1049h\u001b[?1h\u001b=\u001b>",
  "where the cursor is": "\u001b[6n",
  "scroll region and index": "\u001b[1;24r\u001bD\u001bM\u001bE",
  "line drawing": "\u001b(0lqk\u001b(B",
  "full reset": "\u001bc",
};
for (const [name, text] of Object.entries(passing)) {
  test(`passes: ${name}`, () => assert.equal(filter(text), text));
}

test("queries do not pass where nobody waits for the answer", () => {
  const bytes = Buffer.from("a\u001b[6nb\u001b[5nc\u001b[cd\u001b[>0ce");
  assert.equal(new TerminalFilter(false).filter(bytes), "abcde");
});

const dropped: Readonly<Record<string, string>> = {
  "clipboard (OSC 52)": "\u001b]52;c;cm0gLXJmIC8=\u0007",
  "title (OSC 0), ended by ST": "\u001b]0;a title\u001b\\",
  "hyperlink (OSC 8)": "\u001b]8;;http://example.org\u0007",
  "device control (DCS)": '\u001bP$q"p\u001b\\',
  "application command (APC)": "\u001b_Ga=T\u001b\\",
  "privacy message (PM)": "\u001b^x\u001b\\",
  "start of string (SOS)": "\u001bXx\u001b\\",
  "8-bit controls": "\u009d\u009b\u0090\u009c",
  "title report": "\u001b[21t",
  "window size and position": "\u001b[8;100;200t\u001b[3;0;0t",
  printing: "\u001b[5i",
  "character encoding": "\u001b%@",
  answerback: "\u0005",
  "shift out and in": "\u000e\u000f",
  "version report (XTVERSION)": "\u001b[>0q",
  "keyboard protocol": "\u001b[>1u",
  "rectangle checksum": "\u001b[1;1;1;1;1;1*y",
  "identify (DECID)": "\u001bZ",
};
for (const [name, text] of Object.entries(dropped)) {
  test(`drops: ${name}`, () => assert.equal(filter(`a${text}b`), "ab"));
}

test("an 8-bit control that is no UTF-8 does not reach the terminal", () => {
  assert.equal(filter(Uint8Array.of(0x61, 0x9b, 0x62)), "a\ufffdb");
});

test("an escape inside a string that does not end it begins a sequence of its own", () => {
  assert.equal(filter("\u001b]0;x\u001b[1mb"), "\u001b[1mb");
});

test("a string without an end does not swallow everything", () => {
  assert.ok(filter(`\u001b]0;${"x".repeat(10_000)}`).length > 5000);
});

test("a sequence that is cut short by a control is forgotten", () => {
  assert.equal(filter("\u001b[12\nb"), "\nb");
});

test("wherever the stream is cut, the same comes out", () => {
  const part = fc.constantFrom(...Object.values(passing), ...Object.values(dropped), "\u001b", "\u001b[", "\u001b]", "x");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const bytes = Buffer.from(parts.join(""));
      const cut = new TerminalFilter();
      assert.equal([...bytes].map((byte) => cut.filter(Uint8Array.of(byte))).join(""), filter(bytes));
    }),
  );
});

/** Every control function that may come out, whole; ESC and BEL stand as visible characters. */
const SAFE = /^(?:[^\p{Cc}␛]|[\b\t\n\v\f\r]|␛[=>78DEHMc]|␛[()][0AB]|␛\[[?>!]?[\d;:]* ?[@-~])*$/u;
const visible = (text: string): string => text.replaceAll("\u001b", "␛").replaceAll("\u0007", "␇");

test("whatever comes in, only known control functions come out", () => {
  const byte = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...Buffer.from("\u001b\u001b\u001b[]P;?0123t\\")));
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 60 }), (bytes) => assert.match(visible(filter(Uint8Array.from(bytes))), SAFE)),
    { numRuns: 3000 },
  );
});

test("it is known whether a guest has left the alternate screen on", () => {
  assert.equal(showsAlternateScreen("\u001b[?1049h vi", false), true);
  assert.equal(showsAlternateScreen("vi \u001b[?1049l # ", true), false);
  assert.equal(showsAlternateScreen("\u001b[?1049l\u001b[?25;47h", false), true);
  assert.equal(showsAlternateScreen("text \u001b[?25h\u001b[1m", true), true);
});

test("the reset leaves the alternate screen only if it is shown, and holds nothing that a guest could not send", () => {
  for (const shown of [false, true]) {
    assert.equal(filter(terminalReset(shown)), terminalReset(shown));
    assert.equal(terminalReset(shown).includes("1049"), shown);
  }
});
