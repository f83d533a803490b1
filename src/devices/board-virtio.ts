// The board's virtio devices: which there are, what each is for, and their interrupts.

import { IN_VIRTIO } from "../../build/gen/console";
import { VIRTIO_ENTROPY, VIRTIO_NET } from "../../build/gen/virtio";
import * as board from "../drivers/board";
import { Board } from "../drivers/board";
import * as gicv3 from "../drivers/gicv3";
import * as dma from "../drivers/virtio/dma";
import * as entropy from "../drivers/virtio/entropy";
import * as boardNet from "../drivers/virtio/net";
import { BoardNet } from "../drivers/virtio/net";
import * as transport from "../drivers/virtio/transport";
import { BoardDevice } from "../drivers/virtio/transport";
import * as phys from "../hal/phys";
import * as arena from "../lib/arena";
import { crash } from "../log/halt";
import * as log from "../log/log";
import * as frames from "../mmu/frames";
import { FRAME } from "../mmu/frames";
import * as switches from "../vm/switches";
import { Port } from "../vm/virtio-records";
import * as uplink from "./virtio/uplink";

const MAX_NETS: u32 = 4;

/** A network device, and the port that it is; null: none. */
@unmanaged
class Net {
  net: BoardNet;
  port: Port;
}
const nets: usize = memory.data(MAX_NETS * 8, 4);
const netCount: usize = memory.data(4, 4);

function net(n: u32): Net {
  return changetype<Net>(nets + n * offsetof<Net>());
}

/** Memory for devices: a frame, taken when the first of them is found. */
function takeMemory(): void {
  const row = frames.take(FRAME, false);
  if (row == 0) crash("too little RAM: no frame for the board's devices");
  phys.zero(frames.addressOf(row), FRAME);
  dma.init(frames.addressOf(row), FRAME);
}

function openNet(device: BoardDevice): void {
  const count = load<u32>(netCount);
  if (count == MAX_NETS || device.intid == 0) {
    log.notice(IN_VIRTIO, "the network device at 0x%x is not used: one too many, or without an interrupt", device.base);
    return;
  }
  const one = changetype<BoardNet>(arena.take(offsetof<BoardNet>(), 8));
  if (!boardNet.open(one, device)) {
    log.err(IN_VIRTIO, "the network device at 0x%x does not come up", device.base);
    return;
  }
  net(count).net = one;
  store<u32>(netCount, count + 1);
}

/** Finds the board's devices and brings up those that are for us. At boot, when frames are there. */
export function init(on: Board): void {
  let any = false;
  for (let n: u32 = 0; n < on.transports; n++) {
    const device = changetype<BoardDevice>(arena.take(offsetof<BoardDevice>(), 8));
    if (!transport.probe(device, board.transportBase(n), board.transportInterrupt(n))) continue;
    if (device.type != VIRTIO_NET && device.type != VIRTIO_ENTROPY) continue;
    if (!any) takeMemory();
    any = true;
    if (device.type == VIRTIO_NET) openNet(device);
    else if (!entropy.seed(device)) log.err(IN_VIRTIO, "the entropy device at 0x%x gives nothing", device.base);
  }
}

/** Gives each switch that wants one its uplink. At boot, behind the manifest. */
export function connect(): void {
  for (let n: u32 = 0; n < switches.count(); n++) {
    const one = switches.nth(n);
    if (one.wantsUplink == 0) continue;
    for (let index: u32 = 0; index < load<u32>(netCount) && one.uplink == 0; index++) {
      const found = net(index);
      if (changetype<usize>(found.port) != 0 || (one.uplinkMac != 0 && one.uplinkMac != found.net.mac)) continue;
      uplink.connect(one, found.net);
      found.port = switches.port(one, one.uplink - 1);
      gicv3.enableShared(found.net.device.intid);
    }
    if (one.uplink == 0) log.err(IN_VIRTIO, "switch %d has no uplink: the board has no network device for it", n);
  }
}

/** An interrupt of the board; false: it is none of these devices'. The caller holds no VM's lock. */
export function interrupt(intid: u32): bool {
  for (let n: u32 = 0; n < load<u32>(netCount); n++) {
    const one = net(n);
    if (one.net.device.intid != intid) continue;
    transport.acknowledge(one.net.device);
    uplink.receive(one.port);
    return true;
  }
  return false;
}
