// The uplink of a switch: a port whose other end is a network device of the board.

import { IN_VIRTIO } from "../../../build/gen/console";
import { ETHERNET_HEADER, VIRTQUEUE_MAX } from "../../../build/gen/virtio";
import * as boardNet from "../../drivers/virtio/net";
import { BoardNet } from "../../drivers/virtio/net";
import { NOTHING } from "../../drivers/virtio/transport";
import { Pa } from "../../hal/addr";
import * as arena from "../../lib/arena";
import * as locks from "../../lib/lock";
import * as log from "../../log/log";
import * as switches from "../../vm/switches";
import { Packet, Port, Switch } from "../../vm/virtio-records";
import * as chains from "./chain";
import * as switching from "./switch";

/** The chain of this CPU that holds what has come. */
const CHAIN: u32 = 0;

/** Makes a device of the board the uplink of a switch. At boot. */
export function connect(on: Switch, net: BoardNet): void {
  const port = switches.addPort(on);
  port.uplink = net;
  port.up = 1;
  port.mac = net.mac;
  port.senders = arena.take(VIRTQUEUE_MAX, 4);
  on.uplink = port.number + 1;
  log.info(IN_VIRTIO, "an uplink at 0x%x, address 0x%x (last byte first)", net.device.base, net.mac);
}

/** A frame that has come goes to whom it is for. */
function forward(port: Port, at: Pa, bytes: u32): void {
  const chain = chains.scratch(CHAIN);
  chains.ofMemory(chain, at, bytes, false);
  const packet = chains.packet();
  memory.fill(changetype<usize>(packet), 0, offsetof<Packet>());
  packet.chain = chain;
  packet.bytes = bytes;
  const from = chains.readable(chain, 0);
  packet.to = chains.get(from, 6);
  packet.from = chains.get(from, 6);
  switching.send(port, packet);
}

/** Takes a piece of what has come; true: there is more. The caller holds no VM's lock. */
export function receive(port: Port): bool {
  const net = port.uplink;
  const on = port.net;
  locks.acquire(on.lock);
  switching.begin(on);
  let used: u64 = 0;
  while (switching.goesOn(on)) {
    used = boardNet.received(net);
    if (used == NOTHING) break;
    switching.spend(on, 1);
    const buffer = used as u32;
    const bytes = (used >> 32) as u32;
    if (bytes >= ETHERNET_HEADER) forward(port, boardNet.frameAt(net, buffer), bytes);
    boardNet.giveBack(net, buffer);
  }
  boardNet.kick(net);
  const touched = switching.takeTouched(on);
  locks.release(on.lock);
  switching.interrupt(on, touched);
  return used != NOTHING;
}
