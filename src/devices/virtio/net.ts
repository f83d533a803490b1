// The network device (virtio 1.2, 5.1): a port of a switch. What its driver sends is taken at its kicks and given to the receive queues of others on the spot,
// by one copy. Checksums and segments that the sender has left to the device are left to the receiver, if that can; else offload.ts sees to them.

import {
  ETHERNET_HEADER,
  ETHERNET_MAX,
  ETHERNET_MAX_GSO,
  F_EVENT_IDX,
  F_INDIRECT_DESC,
  F_VERSION_1,
  NET_F_CSUM,
  NET_F_GUEST_CSUM,
  NET_F_GUEST_TSO4,
  NET_F_GUEST_TSO6,
  NET_F_HOST_TSO4,
  NET_F_HOST_TSO6,
  NET_F_MAC,
  NET_F_MRG_RXBUF,
  NET_F_STATUS,
  NET_GSO_NONE,
  NET_GSO_TCPV4,
  NET_GSO_TCPV6,
  NET_HDR_F_NEEDS_CSUM,
  NET_HEADER,
  NET_MAC,
  NET_RECEIVE,
  NET_S_LINK_UP,
  NET_TRANSMIT,
  VIRTQUEUE_MAX,
} from "../../../build/gen/virtio";
import * as atomic from "../../hal/atomic";
import * as arena from "../../lib/arena";
import * as locks from "../../lib/lock";
import { Chain, Packet, Port, Switch, VirtioDevice } from "../../vm/virtio-records";
import * as virtioTable from "../../vm/virtio-table";
import * as chains from "./chain";
import * as offload from "./offload";
import * as queues from "./queue";
import * as switching from "./switch";

const QUEUE_SIZE: u32 = VIRTQUEUE_MAX;
/** Bytes of the addresses of a frame. */
const ADDRESSES: u32 = 12;
/** The chain of this CPU that holds what is sent. */
const SENT: u32 = 0;

function portOf(device: VirtioDevice): Port {
  return changetype<Port>(device.own);
}

/** At boot; its record names its port. */
export function make(device: VirtioDevice): void {
  const port = portOf(device);
  port.device = device;
  port.up = 1;
  port.senders = arena.take(QUEUE_SIZE, 4);
  device.features = F_VERSION_1 | F_INDIRECT_DESC | F_EVENT_IDX | NET_F_MAC | NET_F_STATUS | NET_F_MRG_RXBUF;
  device.features |= NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6;
  device.lock = port.net.lock;
  virtioTable.makeQueues(device, 2, QUEUE_SIZE);
}

/** A word of the configuration space (5.1.4): the address, six bytes, and the status. */
export function configWord(device: VirtioDevice, offset: u32): u32 {
  const port = portOf(device);
  if (offset == NET_MAC) return port.mac as u32;
  return offset == NET_MAC + 4 ? ((port.mac >> 32) as u32) | ((atomic.load32(upAt(port)) != 0 ? NET_S_LINK_UP : 0) << 16) : 0;
}

/** Whether anything passes. Atomic: the switch's lock is not needed to see it. */
function upAt(port: Port): usize {
  return changetype<usize>(port) + offsetof<Port>("up");
}

/** Takes the link up or down: what the driver has to be told (5.1.4.2). `signal.interrupt` follows. */
export function setLink(device: VirtioDevice, up: bool): void {
  locks.acquire(device.lock);
  if ((atomic.load32(upAt(portOf(device))) != 0) != up) {
    atomic.store32(upAt(portOf(device)), u32(up));
    queues.configChanged(device);
  }
  locks.release(device.lock);
}

/** Forgets what was delivered. The switch's lock is held. */
export function reset(device: VirtioDevice): void {
  const port = portOf(device);
  port.firstSender = 0;
  port.held = 0;
  port.seenOffered = 0;
  for (let n: u32 = 0; n < port.net.ports; n++) store<u32>(port.holds + (n << 2), 0);
}

// --- sending

/** Whether a driver has taken what a packet asks for. */
function mayAsk(device: VirtioDevice, packet: Packet): bool {
  if ((packet.flags & NET_HDR_F_NEEDS_CSUM) != 0 && (device.taken & NET_F_CSUM) == 0) return false;
  switch (packet.gsoType) {
    case NET_GSO_NONE:
      return packet.bytes <= ETHERNET_MAX;
    case NET_GSO_TCPV4:
      return (device.taken & NET_F_HOST_TSO4) != 0;
    case NET_GSO_TCPV6:
      return (device.taken & NET_F_HOST_TSO6) != 0;
    default:
      return false;
  }
}

/** Reads a packet's headers (5.1.6.2); false: there is nothing that could be sent. */
function read(device: VirtioDevice, chain: Chain, packet: Packet): bool {
  if (chain.readableBytes < NET_HEADER + ETHERNET_HEADER || chain.readableBytes > NET_HEADER + ETHERNET_MAX_GSO) return false;
  const from = chains.readable(chain, 0);
  const low = chains.get(from, 8);
  const high = chains.get(from, 4);
  packet.chain = chain;
  packet.offset = NET_HEADER;
  packet.bytes = (chain.readableBytes - NET_HEADER) as u32;
  packet.flags = (low & NET_HDR_F_NEEDS_CSUM) as u32;
  packet.gsoType = ((low >> 8) & 0xff) as u32;
  packet.headerBytes = ((low >> 16) & 0xffff) as u32;
  packet.gsoSize = ((low >> 32) & 0xffff) as u32;
  packet.csumStart = (low >> 48) as u32;
  packet.csumOffset = (high & 0xffff) as u32;
  packet.to = chains.get(from, 6);
  packet.from = chains.get(from, 6);
  // What was checked is what is sent, whatever the guest writes there meanwhile.
  packet.addresses0 = packet.to | (packet.from << 48);
  packet.addresses1 = packet.from >> 16;
  packet.head = changetype<usize>(packet) + offsetof<Packet>("addresses0");
  packet.headBytes = ADDRESSES;
  return mayAsk(device, packet) && offload.isSound(packet);
}

/** Sends a piece of what waits; true: there is more. */
function transmit(device: VirtioDevice): bool {
  const queue = queues.nth(device, NET_TRANSMIT);
  const chain = chains.scratch(SENT);
  const port = portOf(device);
  const on = port.net;
  let more: bool;
  switching.begin(on);
  do {
    while (switching.goesOn(on) && queues.take(queue, chain)) {
      const packet = chains.packet();
      switching.spend(on, chain.buffers);
      if (read(device, chain, packet)) switching.send(port, packet);
      else port.refusedPackets++;
      queues.give(queue, chain.head, 0);
    }
    queues.show(queue);
    queues.wantKick(queue);
    more = queues.hasMore(queue);
  } while (more && switching.goesOn(on));
  return more;
}

/** A kick of one of the queues; true: there is more to do. */
export function kick(device: VirtioDevice, queue: u32): bool {
  if (queue == NET_TRANSMIT) return transmit(device);
  // What is offered to receive is found when there is something.
  queues.wantNoKick(queues.nth(device, NET_RECEIVE));
  return false;
}

/** The switch that a device is a port of. */
export function switchOf(device: VirtioDevice): Switch {
  return portOf(device).net;
}
