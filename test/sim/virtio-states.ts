// Where the virtio devices of all VMs on a switch are, by the core's records: for comparing two runs of one system.

import { fieldOffset, sizeOf } from "../../sim/fields.ts";

/** `vcpu`: the record of one whose VM's first device is a port of the switch. */
export const virtioStates = (view: DataView, vcpu: number): string => {
  const word = (record: number, type: string, field: string): number => view.getUint32(record + fieldOffset(type, field), true);
  const firstOf = (vm: number): number => word(vm, "Vm", "firstVirtio");
  const net = word(word(firstOf(word(vcpu, "Vcpu", "vm")), "VirtioDevice", "own"), "Port", "net");
  const ports = Array.from(
    { length: word(net, "Switch", "ports") },
    (_, n) => word(net, "Switch", "firstPort") + n * sizeOf("Port"),
  );
  const vms = ports.flatMap((port) => {
    const device = word(port, "Port", "device");
    return device === 0 ? [] : word(device, "VirtioDevice", "vm");
  });
  const queueOf = (queue: number): string => ["ready", "next", "used"].map((field) => word(queue, "Virtqueue", field)).join(":");
  const deviceOf = (device: number): string => {
    const queues = Array.from({ length: word(device, "VirtioDevice", "queues") }, (_, n) =>
      queueOf(word(device, "VirtioDevice", "firstQueue") + n * sizeOf("Virtqueue")),
    );
    return `${word(device, "VirtioDevice", "status")}(${queues.join(" ")})`;
  };
  return vms
    .map((vm) =>
      Array.from({ length: word(vm, "Vm", "virtioDevices") }, (_, slot) =>
        deviceOf(firstOf(vm) + slot * sizeOf("VirtioDevice")),
      ).join(" "),
    )
    .join(" | ");
};
