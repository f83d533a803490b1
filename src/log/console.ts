// The console: one serial line for all VMs and the log, and the ports by which VMs print and read (docs/consoles.md). It knows ports, not VMs: port n is
// that of VM n. Every function takes the console's lock, but for those that say otherwise.

import { Pa } from "../hal/addr";
import * as focus from "./focus";
import * as guard from "./guard";
import * as keys from "./keys";
import * as ports from "./ports";
import * as sender from "./sender";
import * as uart from "./uart";

/** Nothing has been received. */
export const NOTHING: u32 = uart.NOTHING;
/** The most bytes of input that one interrupt is answered for. */
const BURST: u32 = 256;

/** At boot: names a UART for output alone, which stage 1 maps; 0: none. */
export function use(pa: Pa): void {
  uart.use(pa);
}

/** At boot: takes the board's UART over, which stage 1 maps. `interrupts`: `service` will be called for its interrupt. */
export function takeOver(pa: Pa, interrupts: bool): void {
  uart.takeOver(pa, interrupts);
}

/**
 * At boot, before the first `open`: how output looks in a system of `vms` VMs. `terminal`: somebody sits at the other end and sees one VM at a time;
 * otherwise every line of every VM goes out.
 */
export function setMode(terminal: bool, vms: u32): void {
  ports.all.count = vms;
  ports.all.byLine = u32(!terminal && vms > 1);
  focus.init(terminal);
  focus.updateInput();
}

/** VM `n` starts, or starts anew. `name`: address of zero-terminated bytes that stay. Memory for it is taken the first time. */
export function open(n: u32, name: usize): void {
  guard.enter();
  ports.prepare(n);
  const port = ports.at(n);
  port.name = name;
  port.nameLength = 0;
  while (load<u8>(name + port.nameLength) != 0) port.nameLength++;
  ports.all.listening &= ~ports.bit(n);
  ports.all.beside &= ~ports.bit(n);
  if (ports.all.byLine != 0) ports.endLine(n);
  const again = ports.isOpen(n);
  ports.all.open |= ports.bit(n);
  if (!again) focus.opened(n);
  focus.updateInput();
  sender.drain();
  guard.leave();
}

/** VM `n` has ended: what it has printed is kept, what was typed for it is dropped. */
export function close(n: u32): void {
  guard.enter();
  if (ports.isOpen(n)) {
    ports.all.open &= ~ports.bit(n);
    ports.all.listening &= ~ports.bit(n);
    ports.dropInput(n);
    if (ports.all.byLine != 0) ports.endLine(n);
    focus.closed(n);
    sender.drain();
  }
  guard.leave();
}

/** A byte of a VM's output. One that `transmitterFlags` keeps waiting loses its oldest byte instead. */
export function write(n: u32, byte: u32): void {
  guard.enter();
  if (ports.isOpen(n)) {
    ports.append(n, byte);
    sender.drain();
    if (sender.isShown(n)) ports.limit(n);
  }
  guard.leave();
}

/** How many bytes VM `n` can print now without that one is lost that somebody would have seen. */
export function room(n: u32): u32 {
  guard.enter();
  const bytes = sender.isShown(n) ? ports.room(n) : 0xffffffff;
  guard.leave();
  return bytes;
}

/** What UARTFR says of VM `n`'s transmitter. Takes no lock. */
export function transmitterFlags(n: u32): u32 {
  return ports.transmitterFlags(n);
}

function isBeside(n: u32): bool {
  return (ports.all.beside & ports.bit(n)) != 0;
}

/** Says who takes VM `n`'s input from now on: its UART, or somebody beside it; true if that was another one. */
export function setReader(n: u32, beside: bool): bool {
  guard.enter();
  const changes = isBeside(n) != beside;
  if (changes) {
    ports.all.beside ^= ports.bit(n);
    ports.all.listening &= ~ports.bit(n);
    focus.updateInput();
  }
  guard.leave();
  return changes;
}

/** The next byte of input for VM `n`, or NOTHING: there is none, or it is for another reader (`setReader`). */
export function receive(n: u32, beside: bool): u32 {
  guard.enter();
  let byte = NOTHING;
  if (isBeside(n) != beside) {
    guard.leave();
    return byte;
  }
  if (focus.isTerminal()) {
    while (!ports.hasInput(n) && focus.port() == n) {
      const typed = uart.receive();
      if (typed == NOTHING) break;
      keys.take(typed);
    }
    if (ports.hasInput(n)) byte = ports.takeInput(n);
    sender.drain();
  } else if (focus.port() == n) {
    byte = uart.receive();
  }
  guard.leave();
  return byte;
}

/** Says whether a reader of VM `n`'s input would take a byte as soon as there is one: `service` names the VM then. True: one has come meanwhile. */
export function listen(n: u32, wants: bool, beside: bool): bool {
  guard.enter();
  let ready: bool = false;
  if (isBeside(n) == beside) {
    const listening = ports.all.listening & ~ports.bit(n);
    ports.all.listening = wants ? listening | ports.bit(n) : listening;
    focus.updateInput();
    ready = wants && ports.hasInput(n);
  }
  guard.leave();
  return ready;
}

/** VM `n` waits for input, and has nothing more to print for now: where output goes line by line, its unfinished line is shown. */
export function showLine(n: u32): void {
  if (ports.all.byLine == 0) return;
  guard.enter();
  ports.makeDue(n);
  sender.drain();
  guard.leave();
}

/** The board's UART interrupts. Returns the VMs that have something to see to, one bit each: input for them, or room again for what they print. */
export function service(): u64 {
  guard.enter();
  if (focus.isTerminal()) {
    for (let n: u32 = 0; n < BURST; n++) {
      const typed = uart.receive();
      if (typed == NOTHING) break;
      keys.take(typed);
    }
  }
  const all = ports.all;
  all.resumed |= all.drained;
  all.drained = 0;
  sender.drain();
  const ready = focus.isTerminal() ? all.typed : ports.isOpen(focus.port()) ? ports.bit(focus.port()) : 0;
  const concerned = (ready & all.listening) | all.resumed;
  // Who reads beside its UART does that later, and listens again then; the board's UART is silent until then.
  all.listening &= ~(ready & all.beside);
  focus.updateInput();
  guard.leave();
  return concerned;
}

/** Whether VM `n`, which was kept waiting, has room again for what it prints; true once. */
export function takeResumed(n: u32): bool {
  guard.enter();
  const resumed = (ports.all.resumed & ports.bit(n)) != 0;
  ports.all.resumed &= ~ports.bit(n);
  guard.leave();
  return resumed;
}

/** The run ends: sends what is still to be shown. The caller holds the lock (guard.ts). */
export function flush(): void {
  sender.flush();
}
