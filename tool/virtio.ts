// The virtio devices of a VM, in the order of their transports.

import { virtioBlock, virtioDevices } from "../abi/virtio.ts";
import { macNumber, macOf } from "./config/mac.ts";
import type { System, Vm } from "./config/schema.ts";

/** What the bundle says about a device. */
export interface VirtioDevice {
  /** One of virtioDevices. */
  readonly type: number;
  /** Of a block device: the number of its disk among the system's. */
  readonly disk?: number;
  readonly readOnly?: boolean;
  readonly serial?: string;
  /** Of a network device: the number of its switch, its address (macNumber), bytes a second. */
  readonly switch?: number;
  readonly mac?: bigint;
  readonly rate?: number | undefined;
  /** Of a console device: port 0 is the VM's console; the numbers of the pipes that end at its further ports. */
  readonly console?: boolean;
  readonly pipes?: readonly number[];
}

/** A VM has a console device if it wants one, or pipes. */
const consoleOf = (pipes: System["pipes"], vm: string, isConsole: boolean): VirtioDevice[] => {
  const own = pipes.flatMap(({ between }, index) => (between.includes(vm) ? [index] : []));
  return isConsole || own.length > 0 ? [{ type: virtioDevices.VIRTIO_CONSOLE, console: isConsole, pipes: own }] : [];
};

/** Those of a VM of a system. */
export const virtioOf = (
  system: Pick<System, "disks" | "switches" | "pipes">,
  { name: vm, nets, disks, devices }: Pick<Vm, "name" | "nets" | "disks" | "devices">,
): VirtioDevice[] => [
  ...nets.map((net, index) => ({
    type: virtioDevices.VIRTIO_NET,
    switch: system.switches.findIndex(({ name }) => name === net.switch),
    mac: macNumber(macOf(vm, index, net.mac)),
    rate: net.rate,
  })),
  ...disks.map(({ disk, readOnly = false, serial }) => ({
    type: virtioDevices.VIRTIO_BLOCK,
    disk: system.disks.findIndex(({ name }) => name === disk),
    readOnly,
    serial: (serial ?? disk).slice(0, virtioBlock.BLOCK_ID),
  })),
  ...(devices.entropy ? [{ type: virtioDevices.VIRTIO_ENTROPY }] : []),
  ...consoleOf(system.pipes, vm, devices.console),
];
