// The virtio devices of a VM, in the order of their transports.

import { virtioBlock, virtioDevices } from "../abi/virtio.ts";
import type { System, Vm } from "./config/schema.ts";

/** What the bundle says about a device. */
export interface VirtioDevice {
  /** One of virtioDevices. */
  readonly type: number;
  /** Of a block device: the number of its disk among the system's. */
  readonly disk?: number;
  readonly readOnly?: boolean;
  readonly serial?: string;
}

/** Those of a VM of a system. */
export const virtioOf = (system: Pick<System, "disks">, { disks, devices }: Pick<Vm, "disks" | "devices">): VirtioDevice[] => [
  ...disks.map(({ disk, readOnly = false, serial }) => ({
    type: virtioDevices.VIRTIO_BLOCK,
    disk: system.disks.findIndex(({ name }) => name === disk),
    readOnly,
    serial: (serial ?? disk).slice(0, virtioBlock.BLOCK_ID),
  })),
  ...(devices.entropy ? [{ type: virtioDevices.VIRTIO_ENTROPY }] : []),
];
