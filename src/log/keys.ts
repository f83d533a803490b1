// The keys of the terminal that all VMs share: Ctrl-A and one more (docs/consoles.md). Everything else goes to the VM that has the focus. The caller
// holds the console's lock.

import { NOTE } from "../../build/gen/console";
import * as focus from "./focus";
import * as notes from "./notes";
import * as ports from "./ports";
import { NONE } from "./ports";
import * as text from "./text";
import { Into } from "./text";

const CTRL_A: u32 = 0x01;
const LOWER: u32 = 0x20;
const KEY_0: u32 = 0x30;
const KEY_9: u32 = 0x39;
const KEY_HELP: u32 = 0x3f;
const KEY_A: u32 = 0x61;
const KEY_H: u32 = 0x68;
const KEY_N: u32 = 0x6e;
const KEY_P: u32 = 0x70;

/** Ctrl-A was the last key. */
const escaped: usize = memory.data(4, 4);

/** The last thing that is said to a key. */
function say(s: string): void {
  notes.begin(NOTE);
  text.literal(Into.NOTE, s);
  notes.end();
  focus.showPrompt();
}

/** One line a VM: whether it has the focus, its number, its name, whether it has printed something that was not shown. */
function list(): void {
  for (let n: u32 = 0; n < ports.all.count; n++) {
    if (!ports.exists(n)) continue;
    notes.begin(NOTE);
    text.literal(Into.NOTE, n == focus.port() ? " > " : "   ");
    focus.describe(n);
    if ((ports.all.pending & ports.bit(n)) != 0) text.literal(Into.NOTE, " *");
    notes.end();
  }
}

function help(): void {
  list();
  say(
    "Ctrl-A, then: 1-9 that VM, n p the next and the previous VM, 0 the log, a sends Ctrl-A, h this, x leaves hyper-lite run; * has new output",
  );
}

function send(byte: u32): void {
  const n = focus.port();
  if (!ports.isOpen(n)) return;
  focus.settle();
  ports.type(n, byte);
}

function chooseNumber(key: u32): void {
  const n = key - KEY_0 - 1;
  if (key == KEY_0) focus.chooseLog();
  else if (ports.exists(n)) focus.choose(n);
  else say(n < ports.all.count ? "this VM has not been started" : "there is no VM of this number");
}

function chooseOpen(n: u32): void {
  if (n == NONE) say("no VM runs");
  else focus.choose(n);
}

/** The key behind Ctrl-A. */
function command(key: u32): void {
  if (key >= KEY_0 && key <= KEY_9) {
    chooseNumber(key);
    return;
  }
  switch (key | LOWER) {
    case KEY_HELP:
    case KEY_H:
      help();
      return;
    case KEY_N:
      chooseOpen(ports.nextOpen(focus.port()));
      return;
    case KEY_P:
      chooseOpen(ports.previousOpen(focus.port()));
      return;
    default:
      break;
  }
  // Ctrl-A once, and what is no key of ours together with it.
  send(CTRL_A);
  if (key != CTRL_A && (key | LOWER) != KEY_A) send(key);
}

/** A byte that was typed. */
export function take(byte: u32): void {
  if (load<u32>(escaped) != 0) {
    store<u32>(escaped, 0);
    command(byte);
  } else if (byte == CTRL_A) store<u32>(escaped, 1);
  else send(byte);
}
