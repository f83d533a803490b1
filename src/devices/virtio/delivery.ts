// A packet on its way into a driver's receive queue (virtio 1.2, 5.1.6.4): the header, and the bytes of the frame by one copy; or onto the wire, from a buffer of
// the hypervisor's own. The caller holds the switch's lock.

import { NET_F_MRG_RXBUF, NET_HEADER, NET_NUM_BUFFERS, NET_RECEIVE } from "../../../build/gen/virtio";
import * as boardNet from "../../drivers/virtio/net";
import { BoardNet } from "../../drivers/virtio/net";
import { Chain, Cursor, Packet, Port, Virtqueue } from "../../vm/virtio-records";
import * as chains from "./chain";
import * as queues from "./queue";

/** Chains of this CPU: the first one that a packet goes into, and a further one. What was sent is chain 0. */
const FIRST: u32 = 1;
const FURTHER: u32 = 2;

/** The header of what a driver receives, but for num_buffers. */
function putHeader(chain: Chain, packet: Packet): void {
  const to = chains.writable(chain, 1);
  const low = (packet.flags as u64) | ((packet.gsoType as u64) << 8) | ((packet.headerBytes as u64) << 16);
  chains.put(to, low | ((packet.gsoSize as u64) << 32) | ((packet.csumStart as u64) << 48), 8);
  chains.put(to, (packet.csumOffset as u64) | (1 << 16), 4);
}

/** Copies the next `bytes` of a packet, of which `done` were copied: first those that stand in the core's memory. */
function fill(packet: Packet, done: u64, from: Cursor, to: Cursor, bytes: u64): void {
  const head = done < packet.headBytes ? min<u64>(bytes, packet.headBytes - done) : 0;
  if (head != 0) chains.putBytes(to, packet.head + (done as usize), head as u32);
  if (bytes != head) chains.move(from, to, bytes - head);
}

/** Takes a chain of a receiver; none when it has given enough for this packet, be they as small as they may. */
function take(port: Port, queue: Virtqueue, chain: Chain): bool {
  const on = port.net;
  if (on.taken - on.takenBefore >= on.takenMost || !queues.take(queue, chain)) return false;
  on.taken += chain.buffers;
  on.spent += chain.buffers;
  return true;
}

/**
 * Copies a packet into as many chains as it takes, one where the driver has not asked for more (5.1.6.4). False: they do not do, and all is as before.
 */
function putInQueue(port: Port, packet: Packet): bool {
  const device = port.device;
  const queue = queues.nth(device, NET_RECEIVE);
  const first = chains.scratch(FIRST);
  const mark = queues.mark(queue);
  if (!take(port, queue, first)) return false;
  const from = chains.readable(packet.chain, 0);
  chains.skip(from, packet.offset + packet.headBytes);
  let left: u64 = packet.bytes;
  let part = min<u64>(left, first.writableBytes > NET_HEADER ? first.writableBytes - NET_HEADER : 0);
  const mergeable = (device.taken & NET_F_MRG_RXBUF) != 0;
  if (first.writableBytes < NET_HEADER || (part < left && !mergeable)) {
    queues.rollBack(queue, mark);
    return false;
  }
  putHeader(first, packet);
  const to = chains.writable(first, 1);
  chains.skip(to, NET_HEADER);
  fill(packet, 0, from, to, part);
  queues.give(queue, first.head, (NET_HEADER + part) as u32);
  left -= part;
  let buffers: u32 = 1;
  while (left != 0) {
    const further = chains.scratch(FURTHER);
    if (!take(port, queue, further)) {
      queues.rollBack(queue, mark);
      return false;
    }
    part = min<u64>(left, further.writableBytes);
    fill(packet, packet.bytes - left, from, chains.writable(further, 1), part);
    queues.give(queue, further.head, part as u32);
    left -= part;
    buffers++;
  }
  if (buffers != 1) {
    const count = chains.writable(first, 1);
    chains.skip(count, NET_NUM_BUFFERS);
    chains.put(count, buffers, 2);
  }
  return true;
}

/** Sends a packet by the board's device; false: it has no buffer left, or the packet is too large. */
function putOnWire(net: BoardNet, packet: Packet): bool {
  if (net.freeCount == 0 || packet.bytes > boardNet.frameMax(net)) return false;
  const frame = chains.scratch(FIRST);
  chains.ofMemory(frame, boardNet.frameIn(net, boardNet.freeBuffer(net, net.freeCount - 1)), packet.bytes, true);
  const from = chains.readable(packet.chain, 0);
  chains.skip(from, packet.offset + packet.headBytes);
  fill(packet, 0, from, chains.writable(frame, 1), packet.bytes);
  boardNet.send(net, packet.bytes);
  return true;
}

/** What a packet costs (Switch.spent), and so many bytes of it, or buffers that it was sent in, one more. */
const PACKET: u32 = 8;
const BYTES_SHIFT: u32 = 8;
const BUFFERS_SHIFT: u32 = 3;
/** What goes beyond in one go is lost: a packet in very many pieces, or to very many. */
const MOST: u32 = 2560;

/** Delivers a packet at a port, which can take it as it is; false: there is no room for it. */
export function put(to: Port, packet: Packet): bool {
  const on = to.net;
  if (on.spent >= MOST) return false;
  on.spent += PACKET + (packet.bytes >> BYTES_SHIFT) + (packet.chain.buffers >> BUFFERS_SHIFT);
  if (changetype<usize>(to.uplink) != 0) return putOnWire(to.uplink, packet);
  return putInQueue(to, packet);
}
