// Memory of the system's that stands behind a VM's virtio devices, by the core's records: disks in RAM, what switches capture.

import { bundle } from "../../abi/bundle.ts";
import { virtioDevices } from "../../abi/virtio.ts";
import { fieldOffset, sizeOf } from "../fields.ts";

interface Range {
  readonly from: number;
  readonly end: number;
}

const { VIRTIO_BLOCK, VIRTIO_NET } = virtioDevices;

/** `vm`: its record. */
export const backingOf = (view: DataView, vm: number): Range[] => {
  const word = (record: number, type: string, field: string): number => view.getUint32(record + fieldOffset(type, field), true);
  const long = (record: number, type: string, field: string): number =>
    Number(view.getBigUint64(record + fieldOffset(type, field), true));
  /** Blocks, and the map of those that were written. */
  const ofDisk = (disk: number): Range[] => {
    const [blocks, written] = [long(disk, "Disk", "blocks"), long(disk, "Disk", "written")];
    const mapBytes = 8 * Math.ceil(long(disk, "Disk", "fileBytes") / bundle.DISK_BLOCK / 64);
    const all = { from: blocks, end: blocks + long(disk, "Disk", "bytes") };
    return blocks === 0 ? [] : [all, { from: written, end: written + mapBytes }];
  };
  const ofSwitch = (net: number): Range[] => {
    const [from, size] = [long(net, "Switch", "capture"), word(net, "Switch", "captureSize")];
    return size === 0 ? [] : [{ from, end: from + size }];
  };
  const first = word(vm, "Vm", "firstVirtio");
  return Array.from({ length: word(vm, "Vm", "virtioDevices") }, (_, slot) => first + slot * sizeOf("VirtioDevice")).flatMap(
    (device) => {
      const [type, own] = [word(device, "VirtioDevice", "type"), word(device, "VirtioDevice", "own")];
      if (type === VIRTIO_BLOCK) return ofDisk(word(own, "BlockDevice", "disk"));
      return type === VIRTIO_NET ? ofSwitch(word(own, "Port", "net")) : [];
    },
  );
};
