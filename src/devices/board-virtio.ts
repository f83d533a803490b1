// The board's virtio devices: which there are, what each is for, and their interrupts.

import { IN_VIRTIO } from "../../build/gen/console";
import { VIRTIO_BLOCK, VIRTIO_CONSOLE, VIRTIO_ENTROPY, VIRTIO_NET } from "../../build/gen/virtio";
import * as board from "../drivers/board";
import { Board } from "../drivers/board";
import * as gicv3 from "../drivers/gicv3";
import * as boardBlock from "../drivers/virtio/block";
import { BoardBlock } from "../drivers/virtio/block";
import * as boardConsole from "../drivers/virtio/console";
import { BoardConsole } from "../drivers/virtio/console";
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
import * as disks from "../vm/disks";
import * as pipes from "../vm/pipes";
import * as switches from "../vm/switches";
import { ConsolePort, Port } from "../vm/virtio-records";
import * as virtioTable from "../vm/virtio-table";
import * as block from "./virtio/block";
import * as virtioConsole from "./virtio/console";
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

const MAX_BLOCKS: u32 = 8;
const blocks: usize = memory.data(MAX_BLOCKS * 4, 4);
const blockCount: usize = memory.data(4, 4);

function blockAt(n: u32): BoardBlock {
  return changetype<BoardBlock>(load<usize>(blocks + (n << 2)));
}

/** The console device, and the port whose pipe ends there; null: none. */
@unmanaged
class Line {
  console: BoardConsole;
  port: ConsolePort;
}
const line = changetype<Line>(memory.data(8, 4));

/** The most that one device takes. */
const MOST: u64 = 0x100000;

/** Memory for a device: a frame does for several. */
function takeMemory(): void {
  if (dma.left() >= MOST) return;
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

function openBlock(device: BoardDevice): void {
  const count = load<u32>(blockCount);
  if (count == MAX_BLOCKS || device.intid == 0) {
    log.notice(IN_VIRTIO, "the disk at 0x%x is not used: one too many, or without an interrupt", device.base);
    return;
  }
  const disk = changetype<BoardBlock>(arena.take(offsetof<BoardBlock>(), 8));
  if (!boardBlock.open(disk, device)) {
    log.err(IN_VIRTIO, "the disk at 0x%x does not come up", device.base);
    return;
  }
  disk.lock = virtioTable.newLock();
  log.info(IN_VIRTIO, "a disk at 0x%x, %d MiB", device.base, disk.bytes >> 20);
  store<usize>(blocks + (count << 2), changetype<usize>(disk));
  store<u32>(blockCount, count + 1);
}

function openConsole(device: BoardDevice): void {
  if (changetype<usize>(line.console) != 0 || device.intid == 0) {
    log.notice(IN_VIRTIO, "the console device at 0x%x is not used: one too many, or without an interrupt", device.base);
    return;
  }
  const one = changetype<BoardConsole>(arena.take(offsetof<BoardConsole>(), 8));
  if (boardConsole.open(one, device)) line.console = one;
  else log.err(IN_VIRTIO, "the console device at 0x%x does not come up", device.base);
}

/** Whether it is a device that we have a driver for. */
function isForUs(type: u32): bool {
  return type == VIRTIO_NET || type == VIRTIO_BLOCK || type == VIRTIO_CONSOLE || type == VIRTIO_ENTROPY;
}

/** Finds the board's devices and brings up those that are for us. At boot, when frames are there. */
export function init(on: Board): void {
  for (let n: u32 = 0; n < on.transports; n++) {
    const device = changetype<BoardDevice>(arena.take(offsetof<BoardDevice>(), 8));
    if (!transport.probe(device, board.transportBase(n), board.transportInterrupt(n))) continue;
    if (!isForUs(device.type)) continue;
    takeMemory();
    if (device.type == VIRTIO_NET) openNet(device);
    else if (device.type == VIRTIO_BLOCK) openBlock(device);
    else if (device.type == VIRTIO_CONSOLE) openConsole(device);
    else if (!entropy.seed(device)) log.err(IN_VIRTIO, "the entropy device at 0x%x gives nothing", device.base);
  }
}

/** Gives each slice its disk. */
function connectDisks(): void {
  for (let n: u32 = 0; n < disks.count(); n++) {
    const disk = disks.nth(n);
    if (!disks.isSlice(disk)) continue;
    let found: bool = false;
    for (let index: u32 = 0; index < load<u32>(blockCount) && !found; index++) {
      found = disks.isOf(disk, blockAt(index)) && disks.connect(disk, blockAt(index));
    }
    if (!found) {
      disks.leaveEmpty(disk);
      log.err(IN_VIRTIO, "disk %d is empty: the board has none with its serial number, or that is too small", n);
    }
  }
  for (let index: u32 = 0; index < load<u32>(blockCount); index++) gicv3.enableShared(blockAt(index).device.intid);
}

/** Gives the pipe with one end the board's console device as the other. */
function connectPipe(): void {
  const port = pipes.looseEnd();
  if (changetype<usize>(port) == 0) return;
  if (changetype<usize>(line.console) == 0) {
    log.err(IN_VIRTIO, "a pipe has one end alone: the board has no console device");
    return;
  }
  port.board = line.console;
  line.port = port;
  gicv3.enableShared(line.console.device.intid);
}

/** Gives each slice its disk, each pipe its other end, and each switch that wants one its uplink. At boot, behind the manifest, before VMs' devices are made. */
export function connect(): void {
  connectDisks();
  connectPipe();
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
    if (uplink.receive(one.port)) gicv3.pend(intid);
    return true;
  }
  for (let n: u32 = 0; n < load<u32>(blockCount); n++) {
    const disk = blockAt(n);
    if (disk.device.intid != intid) continue;
    transport.acknowledge(disk.device);
    block.boardInterrupt(disk);
    return true;
  }
  if (changetype<usize>(line.port) == 0 || line.console.device.intid != intid) return false;
  transport.acknowledge(line.console.device);
  virtioConsole.wake((1 as u64) << (line.port.device.vm.id as u64));
  return true;
}
