// The virtual switch: what a port sends goes to the port that has the address, or to all others (IEEE 802.1D, 7.7 and 7.8: forwarding and learning).
//
// Behind the uplink, if there is one, is everybody else. Each other port has one address of its own, which no other may send from, and up to STATIONS that it was seen to send from, as bridges among the guests do:
// nobody can push out what others have. The caller holds the switch's lock.

import { ETHERNET_GROUP, NET_GSO_NONE } from "../../../build/gen/virtio";
import * as timer from "../../drivers/timer";
import * as sysreg from "../../hal/sysreg";
import { Packet, Port, Station, Switch } from "../../vm/virtio-records";
import * as switches from "../../vm/switches";
import { STATIONS } from "../../vm/switches";
import * as capture from "./capture";
import { receive } from "./receive";
import * as signal from "./signal";

/** An address that has not sent for so long is forgotten (802.1D, 7.9.2). */
const AGE_SECONDS: u64 = 300;
const NONE: u32 = 0xffffffff;

function station(port: Port, n: u32): Station {
  return changetype<Station>(port.firstStation + n * offsetof<Station>());
}

/** The station of a port with an address; null: it has none. */
function stationOf(port: Port, mac: u64): Station {
  for (let n: u32 = 0; n < STATIONS; n++) {
    if (station(port, n).mac == mac) return station(port, n);
  }
  return changetype<Station>(0);
}

/** Whether an address is that of a port, or was seen there lately. */
function has(port: Port, mac: u64, now: u64): bool {
  if (port.mac == mac) return true;
  const found = stationOf(port, mac);
  return mac != 0 && changetype<usize>(found) != 0 && now - found.seen < AGE_SECONDS * sysreg.readCntfrqEl0();
}

/** Counts a look at every port, two of which cost one (Switch.spent). */
function spendOnLook(on: Switch): void {
  on.spent += (on.ports >> 1) + 1;
}

/** Which port has an address; NONE: it is not known. */
function find(on: Switch, mac: u64, now: u64): u32 {
  spendOnLook(on);
  for (let n: u32 = 0; n < on.ports; n++) {
    if (has(switches.port(on, n), mac, now)) return n;
  }
  return NONE;
}

/** The same for who sends to one peer again and again. */
function peerOf(port: Port, mac: u64, now: u64): u32 {
  if (port.peerMac == mac && has(switches.port(port.net, port.peer), mac, now)) return port.peer;
  const found = find(port.net, mac, now);
  if (found != NONE) {
    port.peer = found;
    port.peerMac = mac;
  }
  return found;
}

/** Whether an address is no port's own. */
function isNobodys(on: Switch, mac: u64): bool {
  spendOnLook(on);
  for (let n: u32 = 0; n < on.ports; n++) {
    if (switches.port(on, n).mac == mac) return false;
  }
  return true;
}

/** Learns where an address is; false: it is another port's own, or none that a station may have. */
function learn(port: Port, mac: u64, now: u64): bool {
  if (mac == 0 || (mac & ETHERNET_GROUP) != 0) return false;
  if (port.mac == mac) return true;
  // Behind the uplink there are too many to know.
  if (changetype<usize>(port.uplink) != 0) return isNobodys(port.net, mac);
  const known = stationOf(port, mac);
  if (changetype<usize>(known) != 0) {
    known.seen = now;
    return true;
  }
  spendOnLook(port.net);
  for (let n: u32 = 0; n < port.net.ports; n++) {
    const other = switches.port(port.net, n);
    if (other.mac == mac) return false;
    // It has moved.
    const moved = stationOf(other, mac);
    if (changetype<usize>(moved) != 0) moved.mac = 0;
  }
  let oldest = station(port, 0);
  for (let n: u32 = 1; n < STATIONS; n++) {
    const one = station(port, n);
    if (oldest.mac != 0 && (one.mac == 0 || one.seen < oldest.seen)) oldest = one;
  }
  oldest.mac = mac;
  oldest.seen = now;
  return true;
}

/** Whether a port may send so many bytes now. */
function mayAfford(port: Port, bytes: u64, now: u64): bool {
  if (port.rate == 0) return true;
  const frequency = max<u64>(sysreg.readCntfrqEl0(), 1);
  // What was earned since: no more than the burst, however long that is.
  const counts = min<u64>(now - port.tokensAt, (port.burst * frequency) / port.rate + 1);
  const earned = (counts * port.rate) / frequency;
  port.tokens = min<u64>(port.burst, port.tokens + earned);
  // The time that makes no whole byte yet counts the next time.
  port.tokensAt = port.tokens == port.burst ? now : port.tokensAt + (earned * frequency + port.rate - 1) / port.rate;
  if (port.tokens < bytes) return false;
  port.tokens -= bytes;
  return true;
}

function deliver(from: Port, to: Port, packet: Packet): void {
  to.net.takenBefore = to.net.taken;
  // Part of it may arrive, or the receiver's device break: its driver hears of that too.
  if (changetype<usize>(to.uplink) == 0) to.net.touched |= (1 as u64) << (to.number as u64);
  if (to.up == 0 || !receive(to, from.number, packet)) {
    to.droppedPackets++;
    return;
  }
  to.receivedPackets++;
  to.receivedBytes += packet.bytes;
}

/** The ports, one bit each, whose drivers may have to be interrupted since this was asked last. */
export function takeTouched(on: Switch): u64 {
  const ports = on.touched;
  on.touched = 0;
  return ports;
}

/** Interrupts those drivers, when the lock has been let go of. The caller holds no VM's lock. */
export function interrupt(on: Switch, touched: u64): void {
  for (let ports = touched; ports != 0; ports &= ports - 1) signal.interrupt(switches.port(on, ctz<u64>(ports) as u32).device);
}

/** Buffers that a packet may take in all, and of each receiver at least: what it does not find room in, is lost there. */
const MOST_BUFFERS: u32 = 512;
const LEAST_BUFFERS: u32 = 8;

/** What one piece of work may cost (Switch.spent), and one packet more. */
const PIECE: u32 = 256;
/** What taking a packet costs. */
const PACKET: u32 = 8;

/** A piece of work begins, and goes on for as long as `goesOn`. */
export function begin(on: Switch): void {
  on.spent = 0;
}
export function goesOn(on: Switch): bool {
  return on.spent < PIECE;
}

/** Counts that a packet of so many buffers was taken. */
export function spend(on: Switch, buffers: u32): void {
  on.spent += PACKET + buffers;
}

/** Takes a packet that a port has sent. */
export function send(port: Port, packet: Packet): void {
  const on = port.net;
  const now = timer.now();
  if (port.up == 0 || !mayAfford(port, packet.bytes, now) || !learn(port, packet.from, now)) {
    port.refusedPackets++;
    return;
  }
  port.sentPackets++;
  port.sentBytes += packet.bytes;
  if (on.captureSize != 0) capture.add(on, packet, now);
  const isGroup = (packet.to & ETHERNET_GROUP) != 0;
  on.taken = 0;
  on.takenMost = MOST_BUFFERS;
  const one = isGroup ? NONE : peerOf(port, packet.to, now);
  if (one != NONE) {
    if (one != port.number) deliver(port, switches.port(on, one), packet);
    return;
  }
  // What no VM has is behind the uplink.
  if (!isGroup && on.uplink != 0 && port.number != on.uplink - 1) {
    deliver(port, switches.port(on, on.uplink - 1), packet);
    return;
  }
  // Who sends large packets has found its peer before.
  if (packet.gsoType != NET_GSO_NONE) return;
  on.takenMost = max<u32>(LEAST_BUFFERS, MOST_BUFFERS / on.ports);
  for (let n: u32 = 0; n < on.ports; n++) {
    if (n != port.number) deliver(port, switches.port(on, n), packet);
  }
}
