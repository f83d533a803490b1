// Port 0 of a console device (virtio 1.2, 5.3) as its VM's console. The board's line may be slow, and nobody waits for it under a lock that others need: the VM's
// lock is held throughout, as for its UART, that of the device only while bytes go between the driver's buffers and this CPU's own.

import { CONSOLE_F_MULTIPORT, CONSOLE_RECEIVE, CONSOLE_TRANSMIT } from "../../../build/gen/virtio";
import { MAX_CPUS } from "../../../build/gen/layout";
import * as cpu from "../../hal/cpu";
import * as locks from "../../lib/lock";
import * as console from "../../log/console";
import { ConsoleDevice, ConsolePort, Virtqueue } from "../../vm/virtio-records";
import * as guard from "../guard";
import * as chains from "./chain";
import * as queues from "./queue";

/** What one piece of work moves, in bytes, which the console takes one by one: this CPU's room for them. */
const PIECE: u32 = 256;
const rooms: usize = memory.data(MAX_CPUS * PIECE, 8);
/** The chain of this CPU. */
const CHAIN: u32 = 0;

function room(): usize {
  return rooms + cpu.number() * PIECE;
}

/** Whether port 0 is its VM's console. */
function isConsole(port: ConsolePort): bool {
  return changetype<ConsoleDevice>(port.device.own).isConsole != 0;
}

/** Takes up to `most` bytes that the driver sends; returns how many, of which those in the room. What is not for the console is taken and forgotten. */
function fetch(port: ConsolePort, most: u32): u32 {
  const queue = queues.nth(port.device, CONSOLE_TRANSMIT);
  const chain = chains.scratch(CHAIN);
  let bytes: u32 = 0;
  let cost: u32 = 0;
  while (bytes < most && cost < PIECE && queues.take(queue, chain)) {
    const cursor = chains.readable(chain, 0);
    chains.skip(cursor, port.done);
    cost += chain.buffers;
    while (isConsole(port) && port.done < chain.readableBytes && bytes < most) {
      store<u8>(room() + bytes, chains.get(cursor, 1) as u8);
      port.done++;
      bytes++;
    }
    if (isConsole(port) && port.done < chain.readableBytes) {
      queues.leave(queue);
      break;
    }
    port.done = 0;
    queues.give(queue, chain.head, 0);
  }
  queues.show(queue);
  queues.wantKick(queue);
  return bytes;
}

/** Prints a piece of what the driver sends; true: there is more, for which the guest kicks again, as it polls its UART where there is no room. The caller holds no lock. */
export function print(port: ConsolePort): bool {
  const device = port.device;
  const vm = device.vm;
  guard.enter(vm);
  const most = min<u32>(console.room(vm.id), PIECE);
  locks.acquire(device.lock);
  const works = queues.runs(device);
  const bytes = works && most != 0 ? fetch(port, most) : 0;
  const more = works && queues.hasMore(queues.nth(device, CONSOLE_TRANSMIT));
  locks.release(device.lock);
  for (let n: u32 = 0; n < bytes; n++) console.write(vm.id, load<u8>(room() + n));
  guard.leave(vm);
  return more;
}

/** How many bytes the driver has room for; none: it is to kick when it has. */
function offered(queue: Virtqueue): u64 {
  const chain = chains.scratch(CHAIN);
  if (!queues.offers(queue) || !queues.take(queue, chain)) return 0;
  if (chain.writableBytes != 0) {
    queues.leave(queue);
    return chain.writableBytes;
  }
  queues.give(queue, chain.head, 0);
  queues.show(queue);
  return 0;
}

/** Takes what was typed for the VM, as many bytes as there is room for; returns how many. */
function receive(vm: u32, most: u32): u32 {
  let bytes: u32 = 0;
  while (bytes < most) {
    const byte = console.receive(vm, true);
    if (byte == console.NOTHING) break;
    store<u8>(room() + bytes, byte);
    bytes++;
  }
  return bytes;
}

/** Gives the driver those bytes. */
function give(queue: Virtqueue, bytes: u32): void {
  const chain = chains.scratch(CHAIN);
  if (!queues.take(queue, chain)) return;
  chains.putBytes(chains.writable(chain, 0), room(), bytes);
  queues.give(queue, chain.head, bytes);
  queues.show(queue);
}

/** What `type` comes to. */
export const enum Typed {
  ALL = 0,
  /** There may be more. */
  MORE = 1,
  /** Input is for the UART again. */
  BACK = 2,
}

/** Gives the driver a buffer of what was typed for its VM, once it has opened the port: nothing of that goes to the UART then. No lock is held. */
export function type(port: ConsolePort): Typed {
  const device = port.device;
  const vm = device.vm;
  const queue = queues.nth(device, CONSOLE_RECEIVE);
  guard.enter(vm);
  locks.acquire(device.lock);
  // A driver that knows one port alone has that open.
  if (queues.runs(device) && (device.taken & CONSOLE_F_MULTIPORT) == 0) port.open = 1;
  const takes = isConsole(port) && queues.runs(device) && port.open != 0;
  const most = takes ? (min<u64>(offered(queue), PIECE) as u32) : 0;
  locks.release(device.lock);
  const changes = console.setReader(vm.id, takes);
  const bytes = receive(vm.id, most);
  if (bytes != 0) {
    locks.acquire(device.lock);
    give(queue, bytes);
    locks.release(device.lock);
  }
  const ready = console.listen(vm.id, most != 0 && bytes < most, true);
  guard.leave(vm);
  if (!takes) return changes ? Typed.BACK : Typed.ALL;
  return ready || (bytes != 0 && bytes == most) ? Typed.MORE : Typed.ALL;
}
