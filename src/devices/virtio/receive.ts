// Who may put how much into the receive queue of a port. The caller holds the switch's lock.

import {
  NET_F_GUEST_CSUM,
  NET_F_GUEST_TSO4,
  NET_F_GUEST_TSO6,
  NET_GSO_NONE,
  NET_GSO_TCPV4,
  NET_HDR_F_NEEDS_CSUM,
  NET_RECEIVE,
  STATUS_DRIVER_OK,
  VIRTQUEUE_MAX,
} from "../../../build/gen/virtio";
import * as boardNet from "../../drivers/virtio/net";
import { Packet, Port, VirtioDevice, Virtqueue } from "../../vm/virtio-records";
import * as delivery from "./delivery";
import * as offload from "./offload";
import * as queues from "./queue";

/** Brings what each port holds of the receive queue in step with what the driver has offered since: it gets back first what was delivered first. */
function settle(port: Port, queue: Virtqueue): void {
  let fresh = (queue.offered - port.seenOffered) & 0xffff;
  port.seenOffered = queue.offered;
  for (; fresh != 0 && port.held != 0; fresh--) {
    const holds = port.holds + ((load<u8>(port.senders + port.firstSender) as usize) << 2);
    store<u32>(holds, load<u32>(holds) - 1);
    port.firstSender = (port.firstSender + 1) & (VIRTQUEUE_MAX - 1);
    port.held--;
  }
}

/**
 * Whether one more packet of a port may be put into the receive queue of another: what it holds there is no more than what is free, so a port that floods
 * leaves room for all others, however many they are (dynamic thresholds, Choudhury and Hahne 1998).
 */
function mayHold(port: Port, sender: u32, queue: Virtqueue): bool {
  if (!queues.refresh(queue)) return false;
  settle(port, queue);
  return load<u32>(port.holds + (sender << 2)) <= queues.free(queue);
}

/** Counts entries that were filled for a port. */
function hold(port: Port, sender: u32, entries: u32): void {
  const holds = port.holds + (sender << 2);
  for (let n: u32 = 0; n < entries && port.held < VIRTQUEUE_MAX; n++) {
    store<u8>(port.senders + ((port.firstSender + port.held) & (VIRTQUEUE_MAX - 1)), sender as u8);
    store<u32>(holds, load<u32>(holds) + 1);
    port.held++;
  }
}

/** What a receiver's driver can be left to do. */
function canTake(device: VirtioDevice, packet: Packet): bool {
  if ((packet.flags & NET_HDR_F_NEEDS_CSUM) != 0 && (device.taken & NET_F_GUEST_CSUM) == 0) return false;
  switch (packet.gsoType) {
    case NET_GSO_NONE:
      return true;
    case NET_GSO_TCPV4:
      return (device.taken & NET_F_GUEST_TSO4) != 0;
    default:
      return (device.taken & NET_F_GUEST_TSO6) != 0;
  }
}

/** Puts a packet into the receive queue of a driver. */
function receiveAtDriver(port: Port, sender: u32, packet: Packet): bool {
  const device = port.device;
  if ((device.status & STATUS_DRIVER_OK) == 0) return false;
  const queue = queues.nth(device, NET_RECEIVE);
  if (!mayHold(port, sender, queue)) return false;
  const before = queue.used;
  const done = canTake(device, packet) ? delivery.put(port, packet) : offload.receive(port, packet);
  hold(port, sender, (queue.used - before) & 0xffff);
  queues.show(queue);
  return done;
}

/** The same for the buffers of the uplink, which come free in any order: who has filled each of them is written down. */
function receiveAtUplink(port: Port, sender: u32, packet: Packet): bool {
  const net = port.uplink;
  // The device has no more than that.
  for (let n: u32 = 0; n < boardNet.NO_BUFFER; n++) {
    const sent = boardNet.reclaim(net);
    if (sent == boardNet.NO_BUFFER) break;
    const holds = port.holds + ((load<u8>(port.senders + sent) as usize) << 2);
    store<u32>(holds, load<u32>(holds) - 1);
  }
  const holds = port.holds + (sender << 2);
  if (load<u32>(holds) > net.freeCount) return false;
  const before = net.freeCount;
  const plain = (packet.flags & NET_HDR_F_NEEDS_CSUM) == 0 && packet.gsoType == NET_GSO_NONE;
  const done = plain ? delivery.put(port, packet) : offload.receive(port, packet);
  for (let n = net.freeCount; n < before; n++) store<u8>(port.senders + boardNet.freeBuffer(net, n), sender as u8);
  store<u32>(holds, load<u32>(holds) + (before - net.freeCount));
  if (before != net.freeCount) boardNet.flush(net);
  return done;
}

/** Delivers a packet of port number `sender` at a port; false: there is no room, or no driver. */
export function receive(port: Port, sender: u32, packet: Packet): bool {
  if (changetype<usize>(port.uplink) != 0) return receiveAtUplink(port, sender, packet);
  return receiveAtDriver(port, sender, packet);
}
