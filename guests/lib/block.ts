// Requests to a disk (virtio 1.2, 5.2.6): a header of 16 bytes with room for the status behind it, and data.

import { BLOCK_HEADER, BLOCK_S_OK, BLOCK_T_IN, DESC_F_NEXT, DESC_F_WRITE } from "../../build/gen/virtio";
import * as access from "./hal/access";
import * as cpu from "./hal/cpu";
import * as virtio from "./virtio";
import { Queue } from "./virtio";

const UNANSWERED: u32 = 0xff;

/** Offers a request in descriptor `first` and those behind it, three at most, without a kick: its header at `header`, `bytes` of data at `data`. */
export function offer(queue: Queue, first: u32, header: u64, type: u32, sector: u64, data: u64, bytes: u32): void {
  access.write64(header, type);
  access.write64(header + 8, sector);
  access.write8(header + BLOCK_HEADER, UNANSWERED);
  virtio.describe(queue, first, header, BLOCK_HEADER, DESC_F_NEXT);
  const flags: u32 = type == BLOCK_T_IN ? DESC_F_NEXT | DESC_F_WRITE : DESC_F_NEXT;
  if (bytes != 0) virtio.describe(queue, first + 1, data, bytes, flags);
  virtio.describe(queue, bytes != 0 ? first + 2 : first + 1, header + BLOCK_HEADER, 1, DESC_F_WRITE);
  virtio.offer(queue, first);
}

/** One request, the only one, waited for; whether it was done. */
export function request(queue: Queue, header: u64, type: u32, sector: u64, data: u64, bytes: u32): bool {
  offer(queue, 0, header, type, sector, data, bytes);
  virtio.kick(queue);
  while (!virtio.isDone(queue)) cpu.relax();
  return access.read8(header + BLOCK_HEADER) == BLOCK_S_OK;
}
