// Control of VMs by a VM that the configuration marks as controller (HL_VM_… of abi/calls.ts); anyone else is DENIED. Every argument is checked before
// anything changes.

import {
  DENIED,
  HL_VM_COUNT,
  HL_VM_CREATE,
  HL_VM_DESTROY,
  HL_VM_LINK,
  HL_VM_NAME,
  HL_VM_PAUSE,
  HL_VM_RESET,
  HL_VM_RESUME,
  HL_VM_START,
  HL_VM_STATE,
  HL_VM_STOP,
  INVALID_PARAMETERS,
  NOT_SUPPORTED,
  SUCCESS,
} from "../../build/gen/calls";
import * as virtio from "../devices/virtio/access";
import { Vcpu, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as lifecycle from "./lifecycle";

/** Bytes of a name that one HL_VM_NAME returns; a name has twice as many. */
const NAME_PART: u64 = 16;

/** State, crashes and vCPUs of a VM in x1 to x3. */
function state(vcpu: Vcpu, vm: Vm): u64 {
  vcpu.x1 = lifecycle.stateOf(vm);
  vcpu.x2 = vm.crash.count;
  vcpu.x3 = vm.vcpus;
  return SUCCESS;
}

/** Half of its name in x1 and x2. */
function name(vcpu: Vcpu, vm: Vm, offset: u64): u64 {
  if (offset != 0 && offset != NAME_PART) return INVALID_PARAMETERS;
  const at = table.nameOf(vm) + (offset as usize);
  vcpu.x1 = load<u64>(at);
  vcpu.x2 = load<u64>(at + 8);
  return SUCCESS;
}

/** One of the HL_VM_… calls, with its arguments. */
export function call(vcpu: Vcpu, id: u32, which: u64, argument: u64, second: u64): u64 {
  if (vcpu.vm.controller == 0) return DENIED;
  if (id == HL_VM_COUNT) return table.count();
  if (which >= table.count()) return INVALID_PARAMETERS;
  const vm = table.vm(which as u32);
  switch (id) {
    case HL_VM_STATE:
      return state(vcpu, vm);
    case HL_VM_NAME:
      return name(vcpu, vm, argument);
    case HL_VM_CREATE:
      return lifecycle.create(vm);
    case HL_VM_START:
      return lifecycle.start(vm);
    case HL_VM_PAUSE:
      return lifecycle.pause(vm);
    case HL_VM_RESUME:
      return lifecycle.resume(vm);
    case HL_VM_RESET:
      return lifecycle.reset(vm);
    case HL_VM_STOP:
      return lifecycle.stop(vm);
    case HL_VM_DESTROY:
      return lifecycle.destroy(vm);
    case HL_VM_LINK:
      return second <= 1 && virtio.setLink(vm, argument, second == 1) ? SUCCESS : INVALID_PARAMETERS;
    default:
      return NOT_SUPPORTED;
  }
}
