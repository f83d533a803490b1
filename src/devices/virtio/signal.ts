// Interrupts of virtio devices (virtio 1.2, 4.2.2): InterruptStatus, which whoever works on a device adds to, and the line that follows from it.

import { FIRST_SPI } from "../../../build/gen/gic";
import { VIRTIO_SPI } from "../../../build/gen/guest";
import * as atomic from "../../hal/atomic";
import { VirtioDevice } from "../../vm/virtio-records";
import * as guard from "../guard";
import * as vgic from "../vgic";

function statusAt(device: VirtioDevice): usize {
  return changetype<usize>(device) + offsetof<VirtioDevice>("interruptStatus");
}
function lineAt(device: VirtioDevice): usize {
  return changetype<usize>(device) + offsetof<VirtioDevice>("line");
}
function isHigh(at: usize): bool {
  return atomic.load32(at) != 0;
}

/** Brings the line in step with InterruptStatus, which others may set meanwhile: those have seen the line as it was. The VM's lock is held. */
export function update(device: VirtioDevice): void {
  let high: bool;
  do {
    high = isHigh(statusAt(device));
    atomic.store32(lineAt(device), u32(high));
    vgic.setSharedLine(device.vm, FIRST_SPI + VIRTIO_SPI + device.slot, high);
  } while (isHigh(statusAt(device)) != high);
}

/** Interrupts the driver if that is due: after work on a device, whose lock has been let go of. The caller holds no VM's lock. */
export function interrupt(device: VirtioDevice): void {
  if (isHigh(statusAt(device)) == isHigh(lineAt(device))) return;
  guard.enter(device.vm);
  update(device);
  guard.leave(device.vm);
}

export function acknowledge(device: VirtioDevice, bits: u32): void {
  const left = atomic.swap32(statusAt(device), 0) & ~bits;
  if (left != 0) atomic.or32(statusAt(device), left);
  update(device);
}

/** What the driver reads to learn why it was interrupted. Needs no lock. */
export function interruptStatus(device: VirtioDevice): u32 {
  return atomic.load32(statusAt(device));
}

/** Takes everything back; `update` follows. */
export function clear(device: VirtioDevice): void {
  atomic.store32(statusAt(device), 0);
}
