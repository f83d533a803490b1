// Where the disks in RAM lie that a VM has, by the core's records.

import { bundle } from "../../abi/bundle.ts";
import { virtioDevices } from "../../abi/virtio.ts";
import { fieldOffset, sizeOf } from "../fields.ts";

interface Range {
  readonly from: number;
  readonly end: number;
}

/** Blocks, and the map of those that were written, of each writable disk of a VM; `vm`: its record. */
export const disksOf = (view: DataView, vm: number): Range[] => {
  const word = (record: number, type: string, field: string): number => view.getUint32(record + fieldOffset(type, field), true);
  const long = (record: number, field: string): number => Number(view.getBigUint64(record + fieldOffset("Disk", field), true));
  const first = word(vm, "Vm", "firstVirtio");
  const found: Range[] = [];
  for (let slot = 0; slot < word(vm, "Vm", "virtioDevices"); slot++) {
    const device = first + slot * sizeOf("VirtioDevice");
    if (word(device, "VirtioDevice", "type") !== virtioDevices.VIRTIO_BLOCK) continue;
    const disk = word(word(device, "VirtioDevice", "own"), "BlockDevice", "disk");
    const [blocks, written] = [long(disk, "blocks"), long(disk, "written")];
    const mapBytes = 8 * Math.ceil(long(disk, "fileBytes") / bundle.DISK_BLOCK / 64);
    if (blocks !== 0) found.push({ from: blocks, end: blocks + long(disk, "bytes") }, { from: written, end: written + mapBytes });
  }
  return found;
};
