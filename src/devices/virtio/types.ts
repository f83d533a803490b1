// What differs between the types of virtio devices, by their ids.

import { VIRTIO_ENTROPY } from "../../../build/gen/virtio";
import { VirtioDevice } from "../../vm/virtio-records";
import * as entropy from "./entropy";

/** Makes a device of the type that its record names. At boot. */
export function make(device: VirtioDevice): void {
  if (device.type == VIRTIO_ENTROPY) entropy.make(device);
}

/** Does a piece of what waits in the queues; true: there is more. The device's lock is held. */
export function kick(device: VirtioDevice): bool {
  switch (device.type) {
    case VIRTIO_ENTROPY:
      return entropy.kick(device);
    default:
      return false;
  }
}
