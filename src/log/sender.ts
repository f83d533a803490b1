// Which bytes of which VM go over the serial line next (docs/consoles.md). The caller holds the console's lock.
//
//   one VM       every byte, as it comes
//   terminal     every byte of the VM that has the focus, as it comes
//   by line      whole lines of all VMs in turn, each behind its VM's name; an unfinished one only when its VM waits for input

import * as notes from "./notes";
import * as ports from "./ports";
import { NONE, Port } from "./ports";
import * as uart from "./uart";
import * as wire from "./wire";

const CR: u32 = 0x0d;
const LF: u32 = 0x0a;
const BAR: u32 = 0x7c;
const SPACE: u32 = 0x20;
const EVERY: u64 = 0xffffffffffffffff;

@unmanaged
class Sender {
  /** The port whose bytes go over the line as they come; NONE: nobody's. */
  source: u32;
  /** By line: the port whose line is on its way or unfinished, plus one; 0: none. */
  owner: u32;
  /** How much of what stands before that line has been sent. */
  prefixed: u32;
  /** By line: the port whose line was the last. */
  last: u32;
}
const sender = changetype<Sender>(memory.data(16, 4));

/** Names the port whose bytes go over the line as they come; NONE: nobody's. */
export function setSource(n: u32): void {
  sender.source = n;
}

/** Whether the output of port `n` is for whoever is at the other end now, so that none of it may be lost. */
export function isShown(n: u32): bool {
  return ports.all.byLine != 0 || n == sender.source;
}

/** Sends the output of the one port that is shown; false if there is no room for all of it. */
function sendSource(): bool {
  const n = sender.source;
  if (n == NONE) return true;
  const port = ports.at(n);
  while (port.sent != port.due) {
    if (!wire.vmByte(ports.peek(port))) return false;
    ports.advance(n);
  }
  return true;
}

/** Sends what stands before a line: the VM's name, `| `. False if there is no room for all of it. */
function sendPrefix(port: Port): bool {
  while (sender.prefixed < port.nameLength + 2) {
    const at = sender.prefixed;
    const byte = at < port.nameLength ? (load<u8>(port.name + at) as u32) : at == port.nameLength ? BAR : SPACE;
    if (!wire.vmByte(byte)) return false;
    sender.prefixed++;
  }
  return true;
}

/** Sends of the owner's line what is due; false if there is no room for it. At the end of the line there is no owner any more. */
function sendLine(): bool {
  const n = sender.owner - 1;
  const port = ports.at(n);
  while (port.sent != port.due) {
    const byte = ports.peek(port);
    // If nothing but its end is left of a line that was ended for another's sake, then it has been shown.
    const wasShown = port.broken != 0 && sender.prefixed == 0 && (byte == CR || byte == LF);
    if (!wasShown) {
      if (!sendPrefix(port) || !wire.vmByte(byte)) return false;
      port.broken = 0;
    }
    ports.advance(n);
    if (byte == LF) {
      port.broken = 0;
      sender.owner = 0;
      return true;
    }
  }
  return true;
}

/** Gives the line to the next port in turn that has something due. What its owner has sent of an unfinished one is ended. */
function chooseOwner(): void {
  const pending = ports.all.pending;
  if (sender.owner != 0 && sender.prefixed != 0) {
    wire.endVmLine();
    ports.at(sender.owner - 1).broken = 1;
  }
  const behind = sender.last == 63 ? 0 : pending & ~(ports.bit(sender.last + 1) - 1);
  sender.last = ctz<u64>(behind != 0 ? behind : pending) as u32;
  sender.owner = sender.last + 1;
  sender.prefixed = 0;
}

function sendLines(): bool {
  while (ports.all.pending != 0) {
    if (sender.owner == 0 || (ports.all.pending & ports.bit(sender.owner - 1)) == 0) chooseOwner();
    if (!sendLine()) return false;
  }
  return true;
}

/** Sends what there is room for. The board's UART tells when there is room for more, or when a guest is to be told that there is. */
export function drain(): void {
  const done = notes.drain() && (ports.all.byLine != 0 ? sendLines() : sendSource());
  ports.unlimit(ports.all.byLine != 0 ? 0 : sender.source == NONE ? EVERY : ~ports.bit(sender.source));
  uart.tellRoom(!done || ports.all.drained != 0);
}

/** Sends everything that is shown, however long that takes. */
export function flush(): void {
  uart.stopInterrupts();
  for (let left = ports.all.open; left != 0; left &= left - 1) ports.makeDue(ctz<u64>(left) as u32);
  drain();
  uart.finish();
}
