// The virtio devices of a VM, in the order of their transports.

import { virtioDevices } from "../abi/virtio.ts";
import type { Vm } from "./config/schema.ts";

export interface VirtioDevice {
  /** One of virtioDevices. */
  readonly type: number;
}

export const virtioOf = ({ devices }: Pick<Vm, "devices">): VirtioDevice[] => [
  ...(devices.entropy ? [{ type: virtioDevices.VIRTIO_ENTROPY }] : []),
];
