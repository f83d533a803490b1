// The board's console device (virtio 1.2, 5.3), of which port 0 alone is used: a stream of bytes each way, by buffers of the hypervisor's own. Nobody reads
// ahead: while what has come is not taken, the device has fewer buffers, and in the end whoever sends waits.

import { CONSOLE_RECEIVE, CONSOLE_TRANSMIT, DESC_F_WRITE } from "../../../build/gen/virtio";
import { Pa } from "../../hal/addr";
import * as dma from "./dma";
import * as transport from "./transport";
import { BoardDevice, BoardQueue, NOTHING } from "./transport";

/** Buffers each way, and their bytes. */
const BUFFERS: u32 = 8;
export const BUFFER: u64 = 2048;

@unmanaged
export class BoardConsole {
  device: BoardDevice;
  receive: BoardQueue;
  transmit: BoardQueue;
  /** Buffers to send that the device does not have, one bit each. */
  free: u32;
  /** Where those to send lie, and behind them those to receive. */
  buffers: u64;
  /** What is left of the buffer that came last: where, how many bytes, and the buffer's number. */
  at: u64;
  left: u64;
  current: u32;
  padding: u32;
}

function received(console: BoardConsole, n: u32): u64 {
  return console.buffers + ((BUFFERS + n) as u64) * BUFFER;
}

function offer(console: BoardConsole, n: u32): void {
  transport.describe(console.receive, n, received(console, n), BUFFER as u32, DESC_F_WRITE, 0);
  transport.offer(console.receive, n);
}

/** Brings a device up; false: it does not agree. */
export function open(console: BoardConsole, device: BoardDevice): bool {
  console.device = device;
  if (!transport.begin(device, 0)) return false;
  console.receive = transport.makeQueue(device, CONSOLE_RECEIVE, BUFFERS);
  console.transmit = transport.makeQueue(device, CONSOLE_TRANSMIT, BUFFERS);
  if (changetype<usize>(console.receive) == 0 || changetype<usize>(console.transmit) == 0) return false;
  console.buffers = dma.take(2 * BUFFERS * BUFFER, 64) as u64;
  console.free = ((1 as u32) << BUFFERS) - 1;
  for (let n: u32 = 0; n < BUFFERS; n++) offer(console, n);
  transport.start(device);
  transport.kick(console.receive);
  return true;
}

/** Whether there is a buffer to send; where there is none, the device interrupts when there is. */
export function hasRoom(console: BoardConsole): bool {
  for (let n: u32 = 0; n < BUFFERS; n++) {
    const used = transport.take(console.transmit);
    if (used == NOTHING) break;
    console.free |= (1 as u32) << ((used as u32) & (BUFFERS - 1));
  }
  return console.free != 0;
}

/** The buffer that is sent next. There is one. */
export function room(console: BoardConsole): Pa {
  return (console.buffers + (ctz<u32>(console.free) as u64) * BUFFER) as Pa;
}

/** Sends the first `bytes` of it; `flush` when that is done with all buffers. */
export function send(console: BoardConsole, bytes: u64): void {
  const n = ctz<u32>(console.free);
  transport.describe(console.transmit, n, room(console) as u64, bytes as u32, 0, 0);
  console.free &= console.free - 1;
  transport.offer(console.transmit, n);
}
export function flush(console: BoardConsole): void {
  transport.kick(console.transmit);
}

/** How many bytes have come that lie at `console.at`. */
export function waiting(console: BoardConsole): u64 {
  for (let n: u32 = 0; n < BUFFERS && console.left == 0; n++) {
    const used = transport.take(console.receive);
    if (used == NOTHING) break;
    console.current = (used as u32) & (BUFFERS - 1);
    console.at = received(console, console.current);
    console.left = min<u64>(used >> 32, BUFFER);
    if (console.left == 0) giveBack(console);
  }
  return console.left;
}

function giveBack(console: BoardConsole): void {
  offer(console, console.current);
  transport.kick(console.receive);
}

/** Takes the first of those bytes. */
export function take(console: BoardConsole, bytes: u64): void {
  console.at += bytes;
  console.left -= bytes;
  if (console.left == 0) giveBack(console);
}
