// The end of a pipe that is the board's console device: what a port of a VM sends goes out there, what comes there goes to the port. The caller holds the lock
// of all console devices.

import * as boardConsole from "../../drivers/virtio/console";
import { BUFFER } from "../../drivers/virtio/console";
import { Pa } from "../../hal/addr";
import { Chain, ConsolePort, Virtqueue } from "../../vm/virtio-records";
import * as chains from "./chain";
import * as queues from "./queue";

/** Sends what is left of a chain, up to `most` bytes, as far as there are buffers; returns how many bytes that was. */
export function send(from: ConsolePort, chain: Chain, most: u64): u64 {
  const cursor = chains.readable(chain, 0);
  chains.skip(cursor, from.done);
  let left = min<u64>(most, chain.readableBytes - from.done);
  const before = left;
  while (left != 0 && boardConsole.hasRoom(from.board)) {
    const bytes = min<u64>(left, BUFFER);
    chains.read(cursor, boardConsole.room(from.board), bytes);
    boardConsole.send(from.board, bytes);
    left -= bytes;
  }
  if (left != before) boardConsole.flush(from.board);
  from.done += before - left;
  return before - left;
}

/** Gives a driver one buffer of what has come, by `chain`; returns how many bytes that was, 0: there is none. */
export function receive(to: ConsolePort, queue: Virtqueue, chain: Chain, most: u64): u64 {
  const waiting = boardConsole.waiting(to.board);
  if (waiting == 0 || !queues.take(queue, chain)) return 0;
  const bytes = min<u64>(min<u64>(waiting, chain.writableBytes), most);
  chains.write(chains.writable(chain, 0), to.board.at as Pa, bytes);
  boardConsole.take(to.board, bytes);
  queues.give(queue, chain.head, bytes as u32);
  return bytes;
}
