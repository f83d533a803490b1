// A guest's access to its virtio devices: the registers of their transports, kicks, and their configuration spaces.

import { VIRTIO_BASE, VIRTIO_STRIDE } from "../../../build/gen/guest";
import { VIRTIO_CONFIG, VIRTIO_INTERRUPT_STATUS, VIRTIO_NET, VIRTIO_QUEUE_NOTIFY } from "../../../build/gen/virtio";
import * as locks from "../../lib/lock";
import * as sched from "../../sched/sched";
import { Vcpu, Vm } from "../../vm/records";
import * as table from "../../vm/table";
import { VirtioDevice } from "../../vm/virtio-records";
import * as virtioTable from "../../vm/virtio-table";
import * as guard from "../guard";
import { part } from "../part";
import * as chains from "./chain";
import * as net from "./net";
import * as queues from "./queue";
import * as types from "./types";
import * as signal from "./signal";
import * as transport from "./transport";

/** Makes the devices of all VMs, as the manifest names them. At boot, once. */
export function init(): void {
  let any = false;
  for (let id: u32 = 0; id < table.count(); id++) {
    const vm = table.vm(id);
    for (let slot: u32 = 0; slot < vm.virtioDevices; slot++) {
      if (!any) chains.init();
      any = true;
      types.make(virtioTable.device(vm, slot));
    }
  }
}

function deviceAt(vm: Vm, at: u64): VirtioDevice {
  return virtioTable.device(vm, ((at - VIRTIO_BASE) / VIRTIO_STRIDE) as u32);
}

/** Whether an IPA is a register of one of the VM's devices. */
export function answers(vm: Vm, at: u64): bool {
  return at - VIRTIO_BASE < ((vm.virtioDevices * VIRTIO_STRIDE) as u64);
}

/** Reads 1, 2 or 4 bytes. Registers are 32 bits wide (4.2.2.2): a narrower access reads 0. */
export function read(vm: Vm, at: u64, bytes: u32): u64 {
  const device = deviceAt(vm, at);
  const offset = (at as u32) & (VIRTIO_STRIDE - 1);
  if (offset >= VIRTIO_CONFIG) return part(types.configWord(device, (offset - VIRTIO_CONFIG) & ~(3 as u32)), at, bytes);
  if (bytes != 4) return 0;
  if (offset == VIRTIO_INTERRUPT_STATUS) return signal.interruptStatus(device);
  return transport.read(device, offset);
}

/** Writes likewise; a narrower access to a register is dropped. True: a kick has more to do, the guest makes it again. */
export function write(vcpu: Vcpu, at: u64, bytes: u32, value: u32): bool {
  const vm = vcpu.vm;
  const device = deviceAt(vm, at);
  const offset = (at as u32) & (VIRTIO_STRIDE - 1);
  if (offset >= VIRTIO_CONFIG || bytes != 4) return false;
  if (offset == VIRTIO_QUEUE_NOTIFY) return kick(device, value);
  guard.enter(vm);
  if (sched.mayAct(vcpu)) transport.write(device, offset, value);
  guard.leave(vm);
  return false;
}

/** A piece of what a queue has for its device; true: there is more. Those that it was for are interrupted. */
function kick(device: VirtioDevice, queue: u32): bool {
  locks.acquire(device.lock);
  const runs = queues.runs(device) && queue < device.queues;
  const more = runs && types.kick(device, queue);
  const touched = types.takeTouched(device);
  locks.release(device.lock);
  signal.interrupt(device);
  if (touched != 0) types.interrupt(device, touched);
  return (runs && types.kickAlone(device, queue)) || more;
}

/** Takes the link of network device `n` of a VM up or down; false: it has none such. The caller holds no lock. */
export function setLink(vm: Vm, n: u64, up: bool): bool {
  let left = n;
  for (let slot: u32 = 0; slot < vm.virtioDevices; slot++) {
    const device = virtioTable.device(vm, slot);
    if (device.type != VIRTIO_NET) continue;
    if (left == 0) {
      net.setLink(device, up);
      signal.interrupt(device);
      return true;
    }
    left--;
  }
  return false;
}

/** All devices of a VM as at power-on: nothing is in flight behind it. The VM's lock is held. */
export function reset(vm: Vm): void {
  for (let slot: u32 = 0; slot < vm.virtioDevices; slot++) transport.reset(virtioTable.device(vm, slot));
}
