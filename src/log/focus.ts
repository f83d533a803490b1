// Which VM has the focus: what is typed goes to it, and on a terminal its output alone is shown. The caller holds the console's lock.
//
// Without a terminal, and until somebody has typed or chosen, it is the first VM that is open. Then it moves when somebody chooses, or its VM
// ends.

import { NOTE, SWITCH } from "../../build/gen/console";
import * as notes from "./notes";
import * as ports from "./ports";
import { NONE } from "./ports";
import * as sender from "./sender";
import * as text from "./text";
import { Into } from "./text";
import * as uart from "./uart";

/** The log has the focus: nothing that is typed reaches a VM. */
export const LOG: u32 = 64;
/** So much of an unfinished line is shown again, so that its prompt is seen. */
const PROMPT_MAX: u32 = 256;

@unmanaged
class Focus {
  /** One terminal for all VMs, with keys. */
  terminal: u32;
  port: u32;
  /** Somebody has chosen it, or has typed for it. */
  settled: u32;
}
const focus = changetype<Focus>(memory.data(12, 4));

/** The VM's port; `LOG`. */
export function port(): u32 {
  return focus.port;
}

export function isTerminal(): bool {
  return focus.terminal != 0;
}

/** At boot. */
export function init(terminal: bool): void {
  focus.terminal = u32(terminal);
  sender.setSource(ports.all.byLine == 0 ? 0 : NONE);
}

/** Whoever is typed for keeps the focus. */
export function settle(): void {
  focus.settled = 1;
}

/** Input interrupts as far as somebody takes it: on a terminal always, for the sake of the keys. */
export function updateInput(): void {
  uart.listen(focus.terminal != 0 || (focus.port < LOG && (ports.all.listening & ports.bit(focus.port)) != 0));
}

/** `2 beta`, and what else there is to say of a VM. */
export function describe(n: u32): void {
  text.decimal(Into.NOTE, n + 1, 1, 0x20);
  text.byte(Into.NOTE, 0x20);
  text.bytes(Into.NOTE, ports.at(n).name);
  if (!ports.isOpen(n)) text.literal(Into.NOTE, " (off)");
}

/** The line above what a VM prints from now on. */
function title(n: u32): void {
  notes.begin(SWITCH);
  text.literal(Into.NOTE, "--- ");
  describe(n);
  if (ports.at(n).lost != 0) text.literal(Into.NOTE, ", older output was dropped");
  text.literal(Into.NOTE, " --- Ctrl-A h helps");
  notes.end();
  ports.at(n).lost = 0;
}

/** Shows the unfinished line again, behind what the console said: whoever types sees where. */
export function showPrompt(): void {
  if (focus.port != LOG) ports.resendLine(focus.port, PROMPT_MAX);
}

function move(n: u32): void {
  focus.port = n;
  updateInput();
  if (focus.terminal == 0) return;
  sender.setSource(n);
  if (ports.all.count == 1 || !ports.exists(n)) return;
  title(n);
  showPrompt();
}

/** Chooses a VM that has been open, whether it still is or not. */
export function choose(n: u32): void {
  focus.settled = 1;
  move(n);
}

/** Chooses the log: shows what is kept of it. */
export function chooseLog(): void {
  focus.settled = 1;
  focus.port = LOG;
  sender.setSource(NONE);
  notes.begin(SWITCH);
  text.literal(Into.NOTE, "--- 0 the log --- Ctrl-A h helps");
  notes.end();
  notes.showLog();
}

/** Port `n`, which was closed, has been opened. */
export function opened(n: u32): void {
  if (focus.terminal != 0 && focus.settled != 0) return;
  const first = ports.nextOpen(NONE);
  if (first == n || first != focus.port) move(first);
}

/** Port `n` has been closed: the focus follows to the next one that is open. */
export function closed(n: u32): void {
  if (focus.port != n) return;
  const next = focus.terminal == 0 ? ports.nextOpen(NONE) : ports.nextOpen(n);
  if (next == NONE) {
    focus.settled = 0;
    updateInput();
    return;
  }
  if (focus.terminal != 0) {
    notes.begin(NOTE);
    text.literal(Into.NOTE, "--- ");
    describe(n);
    text.literal(Into.NOTE, " ---");
    notes.end();
  }
  move(next);
}
