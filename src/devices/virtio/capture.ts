// What a switch carries, for whoever looks at it: records of pcap (draft-ietf-opsawg-pcap, 5) in a ring, of which the oldest are written over. The caller holds the
// switch's lock.
//
//   seconds u32 | microseconds u32 | bytes here u32 | bytes of the packet u32 | bytes

import * as sysreg from "../../hal/sysreg";
import { Pa } from "../../hal/addr";
import * as phys from "../../hal/phys";
import { Packet, Switch } from "../../vm/virtio-records";
import * as chains from "./chain";

const HEADER: u64 = 16;
/** The most bytes that are kept of a packet. */
const SNAP: u32 = 2048;
const MICROSECONDS: u64 = 1000000;

function at(on: Switch, position: u64): Pa {
  return (on.capture + (position % on.captureSize)) as Pa;
}

function write32(on: Switch, position: u64, value: u32): void {
  for (let n: u32 = 0; n < 4; n++) phys.write8(at(on, position + n), (value >> (n << 3)) & 0xff);
}
function read32(on: Switch, position: u64): u32 {
  let value: u32 = 0;
  for (let n: u32 = 0; n < 4; n++) value |= phys.read8(at(on, position + n)) << (n << 3);
  return value;
}

/** Forgets the oldest records until there is room for `bytes`. */
function makeRoom(on: Switch, bytes: u64): void {
  while (on.captured + bytes - on.captureStart > on.captureSize) {
    on.captureStart += HEADER + read32(on, on.captureStart + 8);
  }
}

/** Keeps the start of a packet, seen at the board's count of `now`. */
export function add(on: Switch, packet: Packet, now: u64): void {
  const kept = min<u32>(packet.bytes, SNAP);
  makeRoom(on, HEADER + kept);
  const frequency = max<u64>(sysreg.readCntfrqEl0(), 1);
  let position = on.captured;
  write32(on, position, (now / frequency) as u32);
  write32(on, position + 4, (((now % frequency) * MICROSECONDS) / frequency) as u32);
  write32(on, position + 8, kept);
  write32(on, position + 12, packet.bytes);
  position += HEADER;
  const from = chains.readable(packet.chain, 0);
  chains.skip(from, packet.offset + packet.headBytes);
  for (let n: u32 = 0; n < packet.headBytes; n++) phys.write8(at(on, position + n), load<u8>(packet.head + n));
  position += packet.headBytes;
  for (let left: u64 = kept - packet.headBytes; left != 0; ) {
    const part = min<u64>(left, on.captureSize - (position % on.captureSize));
    chains.read(from, at(on, position), part);
    position += part;
    left -= part;
  }
  on.captured = position;
}
