// What differs between the types of virtio devices, by their ids.

import { VIRTIO_BLOCK, VIRTIO_ENTROPY } from "../../../build/gen/virtio";
import { VirtioDevice } from "../../vm/virtio-records";
import * as block from "./block";
import * as entropy from "./entropy";

/** Makes a device of the type that its record names. At boot. */
export function make(device: VirtioDevice): void {
  if (device.type == VIRTIO_BLOCK) block.make(device);
  else if (device.type == VIRTIO_ENTROPY) entropy.make(device);
}

/** Does a piece of what waits in the queues; true: there is more. The device's lock is held. */
export function kick(device: VirtioDevice): bool {
  switch (device.type) {
    case VIRTIO_BLOCK:
      return block.kick(device);
    case VIRTIO_ENTROPY:
      return entropy.kick(device);
    default:
      return false;
  }
}

/** The word of the configuration space at `offset`, a multiple of 4; zero where there is none. Changes only with `generation`. */
export function configWord(device: VirtioDevice, offset: u32): u32 {
  return device.type == VIRTIO_BLOCK ? block.configWord(device, offset) : 0;
}

/** Forgets what a device is at. Its lock is held. */
export function reset(device: VirtioDevice): void {
  if (device.type == VIRTIO_BLOCK) block.reset(device);
}
