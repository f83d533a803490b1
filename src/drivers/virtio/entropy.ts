// The board's entropy device (virtio 1.2, 5.4): asked once, at boot.

import { DESC_F_WRITE } from "../../../build/gen/virtio";
import { Pa } from "../../hal/addr";
import * as cpu from "../../hal/cpu";
import * as phys from "../../hal/phys";
import * as sysreg from "../../hal/sysreg";
import * as random from "../../lib/random";
import * as timer from "../timer";
import * as dma from "./dma";
import * as transport from "./transport";
import { BoardDevice } from "./transport";

const QUEUE_SIZE: u32 = 4;
/** Bytes of a key. */
const KEY: u32 = 32;

/** Mixes a key's worth of random bytes into the generator, and starts it; false: the device gives none within a second. */
export function seed(device: BoardDevice): bool {
  if (!transport.begin(device, 0)) return false;
  const queue = transport.makeQueue(device, 0, QUEUE_SIZE);
  if (changetype<usize>(queue) == 0) return false;
  const buffer = dma.take(KEY, 64) as u64;
  transport.start(device);
  let have: u32 = 0;
  const end = timer.now() + sysreg.readCntfrqEl0();
  while (have < KEY) {
    transport.describe(queue, 0, buffer + have, KEY - have, DESC_F_WRITE, 0);
    transport.offer(queue, 0);
    transport.kick(queue);
    let used = transport.take(queue);
    while (used == transport.NOTHING && timer.now() <= end) {
      cpu.relax();
      used = transport.take(queue);
    }
    if (used == transport.NOTHING) return false;
    const given = min<u32>((used >> 32) as u32, KEY - have);
    // A byte at least (5.4.6.2), or this would never end.
    if (given == 0) return false;
    have += given;
  }
  for (let n: u32 = 0; n < KEY; n += 8) {
    random.mix(n >> 3, phys.read64((buffer + n) as Pa));
    phys.write64((buffer + n) as Pa, 0);
  }
  random.start();
  return true;
}
