// The console device (virtio 1.2, 5.3). Port 0 is the VM's console, beside its UART (console-port.ts); the others are ends of pipes, whose bytes go from the buffers of
// one driver to those of the other. What is sent while nobody has opened the other end is lost; a sender waits for a receiver that has.
//
// One lock guards all console devices.

import {
  CONSOLE_CONSOLE_PORT,
  CONSOLE_CONTROL_RECEIVE,
  CONSOLE_CONTROL_TRANSMIT,
  CONSOLE_DEVICE_ADD,
  CONSOLE_DEVICE_READY,
  CONSOLE_F_MULTIPORT,
  CONSOLE_MAX_PORTS,
  CONSOLE_PORT_NAME,
  CONSOLE_PORT_OPEN,
  CONSOLE_PORT_READY,
  CONSOLE_RECEIVE,
  CONSOLE_TRANSMIT,
  F_EVENT_IDX,
  F_INDIRECT_DESC,
  F_VERSION_1,
  STATUS_NEEDS_RESET,
} from "../../../build/gen/virtio";
import { MAX_VMS } from "../../../build/gen/bundle";
import * as timer from "../../drivers/timer";
import * as boardConsole from "../../drivers/virtio/console";
import { Pa } from "../../hal/addr";
import * as sysreg from "../../hal/sysreg";
import * as locks from "../../lib/lock";
import { Lock } from "../../lib/lock";
import { crash } from "../../log/halt";
import * as sched from "../../sched/sched";
import { Chain, ConsoleDevice, ConsolePort, VirtioDevice, Virtqueue } from "../../vm/virtio-records";
import * as virtioTable from "../../vm/virtio-table";
import * as boardPipe from "./board-pipe";
import * as chains from "./chain";
import * as consolePort from "./console-port";
import { Typed } from "./console-port";
import * as queues from "./queue";
import * as signal from "./signal";

const QUEUE_SIZE: u32 = 64;
/** Chains of this CPU: what is sent, and where it goes. */
const SENT: u32 = 0;
const ROOM: u32 = 1;
/** What one piece of work moves, in bytes; a buffer costs as many as BUFFER. */
const PIECE: u64 = 0x4000;
/** What nobody has kicked for is done piece by piece, and between two of them guests have the CPU: a part of a second, and several times as long as the first one took. */
const PAUSES_A_SECOND: u64 = 10_000;
const PAUSE: u64 = 3;
const BUFFER: u64 = 64;
/** How many messages of a driver it reads. */
const MESSAGES: u32 = 4;

/** What a driver is to be told of a port, in this order. */
const enum Tell {
  ADD = 1,
  CONSOLE = 2,
  NAME = 4,
  OPEN = 8,
}

@unmanaged
class Consoles {
  lock: Lock;
  /** The VM that was served last where nobody had kicked. */
  last: u32;
  /** VMs, one bit each: those whose drivers may have to be interrupted, those that there is something left to do for, and those whose input is their UART's again. */
  touched: u64;
  left: u64;
  back: u64;
  /** What is left of the piece of work at hand; the board's count from which on there may be the next one that nobody has kicked for. */
  budget: u64;
  next: u64;
}
const all = changetype<Consoles>(memory.data(48, 8));
/** The console device of each VM; 0: it has none. */
const devices: usize = memory.data(MAX_VMS * 4, 4);

function deviceOf(vm: u32): VirtioDevice {
  return changetype<VirtioDevice>(load<usize>(devices + (vm << 2)));
}
function bit(device: VirtioDevice): u64 {
  return (1 as u64) << (device.vm.id as u64);
}
function ownOf(device: VirtioDevice): ConsoleDevice {
  return changetype<ConsoleDevice>(device.own);
}
function portAt(own: ConsoleDevice, n: u32): ConsolePort {
  return changetype<ConsolePort>(own.firstPort + n * offsetof<ConsolePort>());
}

/** The queue by which a driver gets what comes to a port; the next one is that by which it sends. */
function receiveQueue(port: ConsolePort): Virtqueue {
  return queues.nth(port.device, port.number == 0 ? CONSOLE_RECEIVE : (port.number << 1) + 2);
}
function transmitQueue(port: ConsolePort): Virtqueue {
  return queues.nth(port.device, port.number == 0 ? CONSOLE_TRANSMIT : (port.number << 1) + 3);
}

/** At boot; its record names its ports. */
export function make(device: VirtioDevice): void {
  const own = ownOf(device);
  if (changetype<usize>(all.lock) == 0) all.lock = virtioTable.newLock();
  if (changetype<usize>(deviceOf(device.vm.id)) != 0) crash("the bundle is corrupt: vm%d has two console devices", device.vm.id);
  store<usize>(devices + (device.vm.id << 2), changetype<usize>(device));
  device.lock = all.lock;
  device.features = F_VERSION_1 | F_INDIRECT_DESC | F_EVENT_IDX | CONSOLE_F_MULTIPORT;
  virtioTable.makeQueues(device, (own.ports + 1) << 1, QUEUE_SIZE);
  for (let n: u32 = 0; n < own.ports; n++) {
    portAt(own, n).device = device;
    portAt(own, n).number = n;
  }
}

/** A word of the configuration space (5.3.4): the terminal has no size. */
export function configWord(device: VirtioDevice, offset: u32): u32 {
  return offset == CONSOLE_MAX_PORTS ? ownOf(device).ports : 0;
}

/** Whether somebody takes what comes to a port; a null one is nobody's. */
function isOpen(port: ConsolePort): bool {
  return changetype<usize>(port) != 0 && port.open != 0 && queues.runs(port.device);
}

/** Whether what a port sends comes to somebody. */
function isHeard(from: ConsolePort): bool {
  return changetype<usize>(from.board) != 0 || isOpen(from.peer);
}

// --- messages about ports (5.3.6.2)

function put(chain: Chain, port: ConsolePort, what: Tell): u32 {
  const to = chains.writable(chain, 0);
  let event = CONSOLE_DEVICE_ADD;
  let value: u32 = 1;
  if (what == Tell.CONSOLE) event = CONSOLE_CONSOLE_PORT;
  else if (what == Tell.NAME) event = CONSOLE_PORT_NAME;
  else if (what == Tell.OPEN) {
    event = CONSOLE_PORT_OPEN;
    value = u32(port.number == 0 || isHeard(port));
  }
  chains.put(to, (port.number as u64) | ((event as u64) << 32) | ((value as u64) << 48), 8);
  if (what != Tell.NAME) return 8;
  chains.write(to, port.name as Pa, port.nameBytes);
  return 8 + port.nameBytes;
}

function spend(cost: u64): void {
  all.budget -= min<u64>(all.budget, cost);
}

/** Tells a driver what it has not been told of its ports, as far as it has room for that; true: there is more, and room. */
function tell(device: VirtioDevice): bool {
  const queue = queues.nth(device, CONSOLE_CONTROL_RECEIVE);
  const chain = chains.scratch(ROOM);
  const own = ownOf(device);
  let more = false;
  for (let n: u32 = 0; n < own.ports && !more; n++) {
    const port = portAt(own, n);
    while (port.pending != 0 && queues.offers(queue)) {
      more = all.budget == 0;
      if (more || !queues.take(queue, chain)) break;
      spend(BUFFER * chain.buffers);
      const what = port.pending & (~port.pending + 1);
      port.pending &= ~what;
      queues.give(queue, chain.head, min<u64>(put(chain, port, what), chain.writableBytes) as u32);
    }
  }
  queues.show(queue);
  all.touched |= bit(device);
  return more;
}

/** A driver is to be told something of a port that it has made. */
function notify(port: ConsolePort, what: Tell): void {
  if (port.ready == 0) return;
  port.pending |= what;
  if (tell(port.device)) all.left |= bit(port.device);
}

/** Somebody has opened a port, or closed it. */
function setOpen(port: ConsolePort, open: u32): void {
  port.open = open;
  // Its input goes elsewhere from now on: that is not done under this lock.
  if (port.number == 0) all.left |= bit(port.device);
  if (bring(port)) all.left |= bit(port.device);
  if (changetype<usize>(port.peer) == 0) return;
  notify(port.peer, Tell.OPEN);
  // What waits there for a reader that is gone, is lost.
  if (pass(port.peer)) all.left |= bit(port.peer.device);
}

function take(own: ConsoleDevice, id: u32, event: u32, value: u32): void {
  if (event == CONSOLE_DEVICE_READY) {
    for (let n: u32 = own.isConsole != 0 ? 0 : 1; n < own.ports; n++) {
      const port = portAt(own, n);
      port.pending |= value == 1 ? Tell.ADD : 0;
    }
    return;
  }
  if (id >= own.ports) return;
  const port = portAt(own, id);
  if (event == CONSOLE_PORT_READY) {
    port.ready = u32(value == 1);
    if (port.ready != 0) port.pending |= (id == 0 ? Tell.CONSOLE : Tell.NAME) | Tell.OPEN;
  } else if (event == CONSOLE_PORT_OPEN) setOpen(port, u32(value == 1));
}

/** Reads a piece of what a driver says; true: there is more. */
function listen(device: VirtioDevice): bool {
  const queue = queues.nth(device, CONSOLE_CONTROL_TRANSMIT);
  const chain = chains.scratch(SENT);
  let count: u32 = 0;
  let more: bool;
  do {
    while (count < MESSAGES && queues.take(queue, chain)) {
      const message = chains.get(chains.readable(chain, 0), 8);
      queues.give(queue, chain.head, 0);
      take(ownOf(device), message as u32, ((message >> 32) & 0xffff) as u32, (message >> 48) as u32);
      count++;
    }
    queues.show(queue);
    queues.wantKick(queue);
    more = queues.hasMore(queue);
  } while (more && count < MESSAGES);
  return tell(device) || more;
}

// --- pipes

/** Copies what is left of the chain that was taken last into buffers of the other end. */
function passOn(from: ConsolePort, chain: Chain): void {
  const to = from.peer;
  const target = receiveQueue(to);
  const room = chains.scratch(ROOM);
  const cursor = chains.readable(chain, 0);
  chains.skip(cursor, from.done);
  while (from.done < chain.readableBytes && all.budget != 0 && queues.take(target, room)) {
    const bytes = min<u64>(min<u64>(chain.readableBytes - from.done, room.writableBytes), all.budget);
    chains.move(cursor, chains.writable(room, 1), bytes);
    queues.give(target, room.head, bytes as u32);
    from.done += bytes;
    spend(bytes + BUFFER * room.buffers);
  }
  queues.show(target);
}

/** Passes a piece of what waits at one end of a pipe on to the other; true: there is more, and room for it. */
function pass(from: ConsolePort): bool {
  if (!queues.runs(from.device)) return false;
  const queue = transmitQueue(from);
  const chain = chains.scratch(SENT);
  let waits = false;
  while (all.budget != 0 && !waits && queues.take(queue, chain)) {
    spend(BUFFER * chain.buffers);
    if (isHeard(from) && from.done < chain.readableBytes) {
      const board = changetype<usize>(from.board) != 0;
      waits = board ? !boardConsole.hasRoom(from.board) : !queues.offers(receiveQueue(from.peer));
      if (!waits && board) spend(boardPipe.send(from, chain, all.budget));
      else if (!waits) passOn(from, chain);
      if (from.done < chain.readableBytes) {
        queues.leave(queue);
        continue;
      }
    }
    from.done = 0;
    queues.give(queue, chain.head, 0);
  }
  queues.show(queue);
  queues.wantKick(queue);
  all.touched |= bit(from.device);
  if (changetype<usize>(from.peer) != 0) {
    all.touched |= bit(from.peer.device);
    closeBroken(from.peer.device);
  }
  return !waits && queues.hasMore(queue);
}

/** Gives the driver a piece of what has come from the board; true: there is more, and room for it. */
function bring(to: ConsolePort): bool {
  if (changetype<usize>(to.board) == 0 || !isOpen(to)) return false;
  const queue = receiveQueue(to);
  const room = chains.scratch(ROOM);
  let more = true;
  while (all.budget != 0 && more && queues.offers(queue)) {
    const bytes = boardPipe.receive(to, queue, room, all.budget);
    more = bytes != 0;
    spend(bytes + BUFFER * room.buffers);
  }
  queues.show(queue);
  all.touched |= bit(to.device);
  return more && all.budget == 0;
}

// --- who works

/** Does a piece of what waits in a queue; true: there is more. The lock is held. */
export function kick(device: VirtioDevice, queue: u32): bool {
  all.budget = PIECE;
  const more = work(device, queue);
  closeBroken(device);
  request();
  return more;
}

function work(device: VirtioDevice, queue: u32): bool {
  if (queue == CONSOLE_CONTROL_TRANSMIT) return listen(device);
  if (queue == CONSOLE_CONTROL_RECEIVE) return tell(device);
  // Port 0 is for whoever holds the VM's lock.
  if (queue < CONSOLE_CONTROL_RECEIVE) return false;
  const port = portAt(ownOf(device), (queue - 2) >> 1);
  if ((queue & 1) != 0) return pass(port);
  return changetype<usize>(port.peer) != 0 ? pass(port.peer) : bring(port);
}

/** The same for port 0, when that lock has been let go of. The caller holds none. */
export function kickPort0(device: VirtioDevice, queue: u32): bool {
  if (queue >= CONSOLE_CONTROL_RECEIVE) return false;
  const port = portAt(ownOf(device), 0);
  const prints = queue == CONSOLE_TRANSMIT;
  let more = prints && consolePort.print(port);
  const typed: u32 = prints ? Typed.ALL : consolePort.type(port);
  if (typed == Typed.MORE) more = true;
  signal.interrupt(device);
  locks.acquire(all.lock);
  closeBroken(device);
  if (typed == Typed.BACK) {
    all.back |= bit(device);
    all.left |= bit(device);
  }
  request();
  locks.release(all.lock);
  return more;
}

/** Has some CPU come to `settle`, in time. The lock is held. */
function request(): void {
  if (all.left == 0) return;
  sched.later(max<u64>(timer.now(), all.next));
}

/** The console or the board has something for VMs, one bit each: it is done as soon as this CPU may. The caller holds no VM's lock. */
export function wake(vms: u64): void {
  if (changetype<usize>(all.lock) == 0 || vms == 0) return;
  locks.acquire(all.lock);
  all.left |= vms;
  request();
  locks.release(all.lock);
}

/** The VMs, one bit each, whose drivers may have to be interrupted since this was asked last. The lock is held. */
export function takeTouched(): u64 {
  const touched = all.touched;
  all.touched = 0;
  return touched;
}

/** Interrupts those drivers, when the lock has been let go of. The caller holds no VM's lock. */
export function interrupt(touched: u64): void {
  for (let vms = touched; vms != 0; vms &= vms - 1) signal.interrupt(deviceOf(ctz<u64>(vms) as u32));
}

/** Does what may wait at the pipes of a device which nobody has kicked, each in turn, as far as the budget goes; true: there is more. */
function goOn(device: VirtioDevice): bool {
  closeBroken(device);
  if (!queues.runs(device)) return false;
  const own = ownOf(device);
  let more = tell(device);
  for (let n: u32 = 1; n < own.ports && all.budget != 0; n++) {
    own.turn = own.turn + 1 < own.ports ? own.turn + 1 : 1;
    const port = portAt(own, own.turn);
    more = pass(port) || more;
    more = bring(port) || more;
  }
  return more || all.budget == 0;
}

/** Which VM of a set is next: those behind the last one come first. */
function nextOf(vms: u64): u32 {
  const behind = all.last >= MAX_VMS - 1 ? 0 : vms & ~(((1 as u64) << ((all.last + 1) as u64)) - 1);
  return ctz<u64>(behind != 0 ? behind : vms) as u32;
}

/** Does a piece for VMs that nobody has kicked for. Returns those whose input is their UART's again, one bit each. The caller holds no lock. */
export function settle(): u64 {
  locks.acquire(all.lock);
  const began = timer.now();
  // Another CPU has done a piece meanwhile.
  if (began < all.next) {
    request();
    locks.release(all.lock);
    return 0;
  }
  all.budget = PIECE;
  let left = all.left;
  let served: u64 = 0;
  all.left = 0;
  while (left != 0 && all.budget != 0) {
    const vm = nextOf(left);
    const device = deviceOf(vm);
    all.last = vm;
    left &= ~((1 as u64) << (vm as u64));
    if (changetype<usize>(device) == 0) continue;
    served |= bit(device);
    if (goOn(device)) all.left |= bit(device);
  }
  all.left |= left;
  const now = timer.now();
  all.next = now + sysreg.readCntfrqEl0() / PAUSES_A_SECOND + (now - began) * PAUSE;
  request();
  const touched = takeTouched();
  locks.release(all.lock);
  interrupt(touched);
  return settlePorts0(served);
}

/** Brings VMs what was typed for them. Returns as `settle`. */
function settlePorts0(vms: u64): u64 {
  let more: u64 = 0;
  for (let left = vms; left != 0; left &= left - 1) {
    const device = deviceOf(ctz<u64>(left) as u32);
    if (kickPort0(device, CONSOLE_RECEIVE)) more |= bit(device);
  }
  locks.acquire(all.lock);
  const back = all.back;
  all.back = 0;
  all.left |= more;
  request();
  locks.release(all.lock);
  return back;
}

/** Closes all ports; whoever is at the other ends hears of that. The lock is held. */
function close(device: VirtioDevice): void {
  const own = ownOf(device);
  for (let n: u32 = 0; n < own.ports; n++) {
    const port = portAt(own, n);
    if (port.open == 0) continue;
    port.open = 0;
    // Its input goes to the UART.
    if (n == 0) all.left |= bit(device);
    const peer = port.peer;
    if (changetype<usize>(peer) == 0) continue;
    if (peer.ready != 0) peer.pending |= Tell.OPEN;
    all.left |= bit(peer.device);
  }
}

/** The ports of a device that its driver has broken are nobody's any more. */
function closeBroken(device: VirtioDevice): void {
  if ((device.status & STATUS_NEEDS_RESET) != 0) close(device);
}

/** Nothing is under way any more. The lock is held, and the VM's. */
export function reset(device: VirtioDevice): void {
  close(device);
  const own = ownOf(device);
  for (let n: u32 = 0; n < own.ports; n++) {
    const port = portAt(own, n);
    port.pending = 0;
    port.ready = 0;
    port.done = 0;
  }
  request();
}
