// A VM's virtio devices: records that are made at boot, by number.

import { LOCK_DEVICE } from "../../build/gen/locks";
import * as arena from "../lib/arena";
import { Lock } from "../lib/lock";
import { Vm } from "./records";
import { VirtioDevice, Virtqueue } from "./virtio-records";

/** Device `slot` of a VM, below `vm.virtioDevices`. */
export function device(vm: Vm, slot: u32): VirtioDevice {
  return changetype<VirtioDevice>(vm.firstVirtio + slot * offsetof<VirtioDevice>());
}

/** Makes records for a VM's devices. At boot, once. */
export function make(vm: Vm, count: u32): void {
  vm.virtioDevices = count;
  vm.firstVirtio = arena.take(count * offsetof<VirtioDevice>(), 64);
  for (let slot: u32 = 0; slot < count; slot++) {
    const one = device(vm, slot);
    one.vm = vm;
    one.slot = slot;
  }
}

/** A lock of its own for a device, or for what several share. */
export function newLock(): Lock {
  const lock = changetype<Lock>(arena.take(offsetof<Lock>(), 64));
  lock.place = LOCK_DEVICE;
  return lock;
}

/** Gives a device its queues, of `size` entries at most each. At boot, once. */
export function makeQueues(device: VirtioDevice, count: u32, size: u32): void {
  device.queues = count;
  device.firstQueue = changetype<Virtqueue>(arena.take(count * offsetof<Virtqueue>(), 8));
  for (let n: u32 = 0; n < count; n++) {
    const queue = changetype<Virtqueue>(changetype<usize>(device.firstQueue) + n * offsetof<Virtqueue>());
    queue.device = device;
    queue.maxSize = size;
  }
}
