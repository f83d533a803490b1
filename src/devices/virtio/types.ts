// What differs between the types of virtio devices, by their ids.

import { VIRTIO_BLOCK, VIRTIO_CONSOLE, VIRTIO_ENTROPY, VIRTIO_NET } from "../../../build/gen/virtio";
import { VirtioDevice } from "../../vm/virtio-records";
import * as block from "./block";
import * as console from "./console";
import * as entropy from "./entropy";
import * as net from "./net";
import * as switching from "./switch";

/** Makes a device of the type that its record names. At boot. */
export function make(device: VirtioDevice): void {
  if (device.type == VIRTIO_NET) net.make(device);
  else if (device.type == VIRTIO_BLOCK) block.make(device);
  else if (device.type == VIRTIO_CONSOLE) console.make(device);
  else if (device.type == VIRTIO_ENTROPY) entropy.make(device);
}

/** Does a piece of what waits in a queue; true: there is more. The device's lock is held. */
export function kick(device: VirtioDevice, queue: u32): bool {
  switch (device.type) {
    case VIRTIO_NET:
      return net.kick(device, queue);
    case VIRTIO_BLOCK:
      return block.kick(device);
    case VIRTIO_CONSOLE:
      return console.kick(device, queue);
    case VIRTIO_ENTROPY:
      return entropy.kick(device);
    default:
      return false;
  }
}

/** What a kick is to do besides, when the device's lock has been let go of; true: there is more. The caller holds no lock. */
export function kickAlone(device: VirtioDevice, queue: u32): bool {
  return device.type == VIRTIO_CONSOLE && console.kickPort0(device, queue);
}

/** Whom else a kick has touched, since this was asked last: ports of a switch, or VMs, one bit each. The device's lock is held. */
export function takeTouched(device: VirtioDevice): u64 {
  if (device.type == VIRTIO_NET) return switching.takeTouched(net.switchOf(device));
  return device.type == VIRTIO_CONSOLE ? console.takeTouched() : 0;
}

/** Interrupts the drivers of those. The caller holds no lock. */
export function interrupt(device: VirtioDevice, touched: u64): void {
  if (device.type == VIRTIO_NET) switching.interrupt(net.switchOf(device), touched);
  else console.interrupt(touched);
}

/** The word of the configuration space at `offset`, a multiple of 4; zero where there is none. */
export function configWord(device: VirtioDevice, offset: u32): u32 {
  switch (device.type) {
    case VIRTIO_NET:
      return net.configWord(device, offset);
    case VIRTIO_BLOCK:
      return block.configWord(device, offset);
    case VIRTIO_CONSOLE:
      return console.configWord(device, offset);
    default:
      return 0;
  }
}

/** Forgets what a device is at. Its lock is held. */
export function reset(device: VirtioDevice): void {
  if (device.type == VIRTIO_NET) net.reset(device);
  else if (device.type == VIRTIO_BLOCK) block.reset(device);
  else if (device.type == VIRTIO_CONSOLE) console.reset(device);
}
