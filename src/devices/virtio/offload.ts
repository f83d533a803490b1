// What a sender has left to the device and a receiver cannot do: the checksum of a packet (virtio 1.2, 5.1.6.2; RFC 1071), and cutting a large TCP packet into
// segments (RFC 9293, 3.7.1; RFC 791, RFC 8200). The headers are copied once and changed here; what is behind them goes from sender to receiver as it is.
//
// Sums are of words as they lie in memory: a sum of one's complement comes out in the same order of bytes.

import {
  ETHERNET_GROUP,
  ETHERNET_HEADER,
  ETHERNET_MAX,
  ETHERNET_TAG,
  NET_GSO_NONE,
  NET_GSO_TCPV4,
  NET_HDR_F_NEEDS_CSUM,
} from "../../../build/gen/virtio";
import { MAX_CPUS } from "../../../build/gen/layout";
import * as cpu from "../../hal/cpu";
import { Packet, Port } from "../../vm/virtio-records";
import * as chains from "./chain";
import * as delivery from "./delivery";

/** Ethernet with a tag, IP and TCP with all their options. */
const HEADERS_MAX: u32 = 14 + 4 + 60 + 60;
const HEADERS_STRIDE: u32 = 256;
const headers: usize = memory.data(MAX_CPUS * HEADERS_STRIDE, 8);
/** Parts of a large packet. */
const parts: usize = memory.data(MAX_CPUS * 128, 8);

const TYPE_IPV4: u32 = 0x0008;
const TYPE_IPV6: u32 = 0xdd86;
const TYPE_TAG: u32 = 0x0081;
const TCP: u32 = 6;
const TCP_FIN_PSH: u32 = 0x09;
const TCP_CWR: u32 = 0x80;
const IPV6_HEADER: u32 = 40;

function ownHeaders(): usize {
  return headers + cpu.number() * HEADERS_STRIDE;
}

/** Whether what a packet asks for makes sense: what is summed lies in it, and what is cut up goes to one receiver. */
export function isSound(packet: Packet): bool {
  const summed = (packet.flags & NET_HDR_F_NEEDS_CSUM) != 0;
  if (summed && (packet.csumStart < ETHERNET_HEADER || packet.csumStart + packet.csumOffset + 2 > packet.bytes)) return false;
  if (packet.gsoType == NET_GSO_NONE) return true;
  return summed && packet.gsoSize != 0 && (packet.to & ETHERNET_GROUP) == 0;
}

// --- sums

/** Sums `bytes` of a packet from `offset` on. */
function sumOfPacket(packet: Packet, offset: u32, bytes: u32): u32 {
  const from = chains.readable(packet.chain, 0);
  chains.skip(from, packet.offset + offset);
  return chains.sum(from, bytes);
}

function sumOfMemory(at: usize, bytes: u32): u64 {
  let sum: u64 = 0;
  for (let n: u32 = 0; n < bytes; n += 2) sum += load<u16>(at + n);
  return sum;
}

/** What goes into the field of a checksum; for UDP, where zero means none, zero is all ones, which is the same number. */
function checksum(sum: u64): u16 {
  const value = ~chains.fold(sum) & 0xffff;
  return (value == 0 ? 0xffff : value) as u16;
}

// --- a checksum

/** The first bytes of a packet into this CPU's room for headers. */
function copyHeaders(packet: Packet, bytes: u32): usize {
  const at = ownHeaders();
  const from = chains.readable(packet.chain, 0);
  chains.skip(from, packet.offset);
  for (let n: u32 = 0; n < bytes; n += 8) store<u64>(at + n, chains.get(from, min<u32>(8, bytes - n)));
  for (let n: u32 = 0; n < packet.headBytes; n++) store<u8>(at + n, load<u8>(packet.head + n));
  return at;
}

function sum(to: Port, packet: Packet): bool {
  const field = packet.csumStart + packet.csumOffset;
  // The headers of packets that are summed are shorter.
  if (field + 2 > HEADERS_STRIDE) return false;
  const at = copyHeaders(packet, field + 2);
  const part = partOf(packet, 0, packet.bytes, at, field + 2);
  // The field holds the sum of what is not in the packet (5.1.6.2).
  store<u16>(at + field, checksum(sumOfPacket(packet, packet.csumStart, packet.bytes - packet.csumStart)));
  return delivery.put(to, part);
}

/** A packet that begins with `head` bytes at `at`, behind which come those of another one from `offset` + `head` on. */
function partOf(packet: Packet, offset: u32, bytes: u32, at: usize, head: u32): Packet {
  const part = changetype<Packet>(parts + cpu.number() * 128);
  memory.fill(changetype<usize>(part), 0, offsetof<Packet>());
  part.chain = packet.chain;
  part.offset = packet.offset + offset;
  part.bytes = bytes;
  part.head = at;
  part.headBytes = head;
  return part;
}

// --- segments

function big16(at: usize): u32 {
  return bswap<u16>(load<u16>(at)) as u32;
}
function putBig16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(value as u16));
}

/** Cuts a large packet up (what its driver says of its headers but for where TCP is, is not needed). False: not all segments were delivered. */
function segment(to: Port, packet: Packet): bool {
  const tcp = packet.csumStart;
  const at = copyHeaders(packet, min<u32>(HEADERS_MAX, packet.bytes));
  let ip = ETHERNET_HEADER;
  let type: u32 = load<u16>(at + ip - 2);
  if (type == TYPE_TAG) {
    ip += ETHERNET_TAG;
    type = load<u16>(at + ip - 2);
  }
  const isV4 = packet.gsoType == NET_GSO_TCPV4;
  if (tcp + 20 > HEADERS_MAX || type != (isV4 ? TYPE_IPV4 : TYPE_IPV6) || packet.csumOffset != 16) return false;
  const ipBytes: u32 = isV4 ? ((load<u8>(at + ip) & 15) as u32) << 2 : IPV6_HEADER;
  const head = tcp + (((load<u8>(at + tcp + 12) >> 4) as u32) << 2);
  const protocol: u32 = load<u8>(at + ip + (isV4 ? 9 : 6));
  // IPv6 with extensions is nobody's TSO.
  if (ip + ipBytes != tcp || (isV4 && ipBytes < 20) || protocol != TCP) return false;
  if (head < tcp + 20 || head > HEADERS_MAX || head >= packet.bytes) return false;
  if (head + min<u32>(packet.gsoSize, packet.bytes - head) > ETHERNET_MAX) return false;

  const flags: u32 = load<u8>(at + tcp + 13);
  const sequence = bswap<u32>(load<u32>(at + tcp + 4));
  const id = big16(at + ip + 4);
  for (let done: u32 = 0, n: u32 = 0; done < packet.bytes - head; done += packet.gsoSize, n++) {
    const bytes = min<u32>(packet.gsoSize, packet.bytes - head - done);
    const isLast = done + bytes == packet.bytes - head;
    if (isV4) {
      putBig16(at + ip + 2, head - ip + bytes);
      putBig16(at + ip + 4, id + n);
      store<u16>(at + ip + 10, 0);
      store<u16>(at + ip + 10, ~chains.fold(sumOfMemory(at + ip, ipBytes)) as u16);
    } else {
      putBig16(at + ip + 4, head - tcp + bytes);
    }
    store<u32>(at + tcp + 4, bswap<u32>(sequence + done));
    const kept = flags & (isLast ? 0xff : ~TCP_FIN_PSH) & (n == 0 ? 0xff : ~TCP_CWR);
    store<u8>(at + tcp + 13, kept as u8);
    store<u16>(at + tcp + 16, 0);
    // Addresses, protocol and length (RFC 9293, 3.1), then TCP.
    const addresses = isV4 ? sumOfMemory(at + ip + 12, 8) : sumOfMemory(at + ip + 8, 32);
    const length = head - tcp + bytes;
    let total = addresses + (TCP << 8) + bswap<u16>(length as u16) + sumOfMemory(at + tcp, head - tcp);
    total += sumOfPacket(packet, head + done, bytes);
    store<u16>(at + tcp + 16, checksum(total));
    if (!delivery.put(to, partOf(packet, done, head + bytes, at, head))) return false;
  }
  return true;
}

/** Delivers a packet that the receiver cannot take as it is; false: there is no room, or it cannot be done. */
export function receive(to: Port, packet: Packet): bool {
  return packet.gsoType == NET_GSO_NONE ? sum(to, packet) : segment(to, packet);
}
