// Interrupts of virtio devices (virtio 1.2, 4.2.2): InterruptStatus, which whoever works on a device adds to, and the line that follows from it.

import { IN_VIRTIO } from "../../../build/gen/console";
import { FIRST_SPI } from "../../../build/gen/gic";
import { VIRTIO_SPI } from "../../../build/gen/guest";
import * as atomic from "../../hal/atomic";
import * as guestLog from "../../vm/guest-log";
import { VirtioDevice } from "../../vm/virtio-records";
import * as guard from "../guard";
import * as vgic from "../vgic";

function statusAt(device: VirtioDevice): usize {
  return changetype<usize>(device) + offsetof<VirtioDevice>("interruptStatus");
}
function lineAt(device: VirtioDevice): usize {
  return changetype<usize>(device) + offsetof<VirtioDevice>("line");
}
function complaintAt(device: VirtioDevice): usize {
  return changetype<usize>(device) + offsetof<VirtioDevice>("complaint");
}
function isHigh(at: usize): bool {
  return atomic.load32(at) != 0;
}

/** Says what a driver did wrong, if it did. The VM's lock is held. */
function tell(device: VirtioDevice): void {
  const why = atomic.load32(complaintAt(device));
  if (why == 0) return;
  const value = device.complaintValue;
  atomic.store32(complaintAt(device), 0);
  guestLog.warning(device.vm, IN_VIRTIO, changetype<string>(why as usize), device.slot, value);
}

/** Brings the line in step with InterruptStatus, which others may set meanwhile: those have seen the line as it was. The VM's lock is held. */
export function update(device: VirtioDevice): void {
  let high: bool;
  do {
    high = isHigh(statusAt(device));
    atomic.store32(lineAt(device), u32(high));
    vgic.setSharedLine(device.vm, FIRST_SPI + VIRTIO_SPI + device.slot, high);
  } while (isHigh(statusAt(device)) != high);
  tell(device);
}

/** Interrupts the driver if that is due: after work on a device, whose lock has been let go of. The caller holds no VM's lock. */
export function interrupt(device: VirtioDevice): void {
  if (isHigh(statusAt(device)) == isHigh(lineAt(device)) && !isHigh(complaintAt(device))) return;
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
