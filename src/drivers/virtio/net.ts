// The board's network devices (virtio 1.2, 5.1): frames to and from buffers of the hypervisor's own. No offloads: a frame is one packet, its checksums in it.

import {
  DESC_F_WRITE,
  NET_F_MAC,
  NET_HEADER,
  NET_HEADER_LEGACY,
  NET_MAC,
  NET_RECEIVE,
  NET_TRANSMIT,
  VIRTIO_CONFIG,
} from "../../../build/gen/virtio";
import { Pa } from "../../hal/addr";
import * as mmio from "../../hal/mmio";
import * as phys from "../../hal/phys";
import * as arena from "../../lib/arena";
import * as dma from "./dma";
import * as transport from "./transport";
import { BoardDevice, BoardQueue, NOTHING } from "./transport";

/** Buffers to receive and to send: a large packet that is cut up takes 46 at once. Their bytes, with the header. */
export const RECEIVED: u32 = 64;
const SENT: u32 = 128;
const BUFFER: u64 = 2048;

@unmanaged
export class BoardNet {
  device: BoardDevice;
  receive: BoardQueue;
  transmit: BoardQueue;
  /** Bytes of a packet's header. */
  header: u32;
  /** Transmit buffers that the device does not have: how many, and a stack of their numbers, a byte each. */
  freeCount: u32;
  freeStack: usize;
  /** Its address: six bytes as they lie in memory. */
  mac: u64;
  received: u64;
  sent: u64;
}

function receiveBuffer(net: BoardNet, n: u32): u64 {
  return net.received + (n as u64) * BUFFER;
}
function transmitBuffer(net: BoardNet, n: u32): u64 {
  return net.sent + (n as u64) * BUFFER;
}

/** Brings a device up; false: it does not agree. */
export function open(net: BoardNet, device: BoardDevice): bool {
  net.device = device;
  net.header = device.legacy != 0 ? NET_HEADER_LEGACY : NET_HEADER;
  if (!transport.begin(device, NET_F_MAC)) return false;
  const at = device.base + VIRTIO_CONFIG + NET_MAC;
  net.mac = (mmio.read32(at as Pa) as u64) | (((mmio.read32((at + 4) as Pa) & 0xffff) as u64) << 32);
  net.receive = transport.makeQueue(device, NET_RECEIVE, RECEIVED);
  net.transmit = transport.makeQueue(device, NET_TRANSMIT, SENT);
  if (changetype<usize>(net.receive) == 0 || changetype<usize>(net.transmit) == 0) return false;
  net.received = dma.take(RECEIVED * BUFFER, 64) as u64;
  net.sent = dma.take(SENT * BUFFER, 64) as u64;
  net.freeStack = arena.take(SENT, 4);
  for (let n: u32 = 0; n < SENT; n++) store<u8>(net.freeStack + n, (SENT - 1 - n) as u8);
  net.freeCount = SENT;
  for (let n: u32 = 0; n < RECEIVED; n++) {
    transport.describe(net.receive, n, receiveBuffer(net, n), BUFFER as u32, DESC_F_WRITE, 0);
    transport.offer(net.receive, n);
  }
  transport.quieten(net.transmit);
  transport.start(device);
  transport.kick(net.receive);
  return true;
}

// --- sending

/** No buffer. */
export const NO_BUFFER: u32 = SENT;

/** Takes back one buffer that the device has sent; returns its number, or NO_BUFFER. */
export function reclaim(net: BoardNet): u32 {
  const used = transport.take(net.transmit);
  if (used == NOTHING || net.freeCount == SENT) return NO_BUFFER;
  const buffer = used as u32;
  store<u8>(net.freeStack + net.freeCount, buffer as u8);
  net.freeCount++;
  return buffer;
}

/** The buffer that was free when `n` others were; the last of these is the one that is used next. */
export function freeBuffer(net: BoardNet, n: u32): u32 {
  return load<u8>(net.freeStack + n);
}

/** Where the frame goes in it, and how many bytes it may have. */
export function frameIn(net: BoardNet, buffer: u32): Pa {
  return (transmitBuffer(net, buffer) + net.header) as Pa;
}
export function frameMax(net: BoardNet): u32 {
  return (BUFFER as u32) - net.header;
}

/** Gives the device the next free buffer, with a frame of `bytes`; `flush` when that is done with all of them. */
export function send(net: BoardNet, bytes: u32): void {
  net.freeCount--;
  const buffer = freeBuffer(net, net.freeCount);
  const at = transmitBuffer(net, buffer);
  // No offloads: a header of zeros.
  phys.write64(at as Pa, 0);
  phys.write32((at + net.header - 4) as Pa, 0);
  transport.describe(net.transmit, buffer, at, net.header + bytes, 0, 0);
  transport.offer(net.transmit, buffer);
}
export function flush(net: BoardNet): void {
  transport.kick(net.transmit);
}

// --- receiving

/** The buffer of the next frame that has come in the low half, the frame's bytes in the high one; NOTHING. */
export function received(net: BoardNet): u64 {
  const used = transport.take(net.receive);
  if (used == NOTHING) return used;
  const bytes = min<u64>(used >> 32, BUFFER);
  return (used & 0xffffffff) | ((bytes < net.header ? 0 : bytes - net.header) << 32);
}

/** Where the frame is. */
export function frameAt(net: BoardNet, buffer: u32): Pa {
  return (receiveBuffer(net, buffer) + net.header) as Pa;
}

/** Gives a buffer back to the device; `kick` when that is done with all of them. */
export function giveBack(net: BoardNet, buffer: u32): void {
  transport.offer(net.receive, buffer);
}
export function kick(net: BoardNet): void {
  transport.kick(net.receive);
}
