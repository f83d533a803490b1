// The entropy device (virtio 1.2, 5.4): one queue of buffers that get random bytes, from the hypervisor's own generator. While that has no seed, a request
// waits.

import { F_EVENT_IDX, F_INDIRECT_DESC, F_VERSION_1 } from "../../../build/gen/virtio";
import * as random from "../../lib/random";
import { Chain, VirtioDevice } from "../../vm/virtio-records";
import * as virtioTable from "../../vm/virtio-table";
import * as chains from "./chain";
import * as queues from "./queue";

const REQUESTS: u32 = 0;
const QUEUE_SIZE: u32 = 64;
/** Bytes that one request gets, and that one piece of work makes, at most. */
const REQUEST_MAX: u64 = 256;
const PIECE: u64 = 1024;

/** At boot. */
export function make(device: VirtioDevice): void {
  device.features = F_VERSION_1 | F_INDIRECT_DESC | F_EVENT_IDX;
  device.lock = virtioTable.newLock();
  virtioTable.makeQueues(device, 1, QUEUE_SIZE);
}

function fill(chain: Chain): u64 {
  const bytes = min<u64>(chain.writableBytes, REQUEST_MAX);
  const to = chains.writable(chain, 0);
  for (let at: u64 = 0; at < bytes; at += 8) chains.put(to, random.next(), min<u64>(8, bytes - at) as u32);
  return bytes;
}

/** Answers a piece of what waits; true: there is more. The device's lock is held. */
export function kick(device: VirtioDevice): bool {
  if (!random.isReady()) return false;
  const queue = queues.nth(device, REQUESTS);
  const chain = chains.scratch(0);
  let made: u64 = 0;
  let more: bool;
  do {
    while (made < PIECE && queues.take(queue, chain)) {
      const bytes = fill(chain);
      queues.give(queue, chain.head, bytes as u32);
      // Each buffer costs something, be there much to write or nothing.
      made += max<u64>(bytes, chain.buffers << 4);
    }
    queues.show(queue);
    queues.wantKick(queue);
    more = queues.hasMore(queue);
  } while (more && made < PIECE);
  return more;
}
