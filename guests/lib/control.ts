// What a controller does to other VMs (HL_VM_… of abi/calls.ts): each returns 0 or an error.

import { HL_VM_COUNT, HL_VM_NAME, HL_VM_STATE, HL_YIELD } from "../../build/gen/calls";
import * as call from "./hal/call";
import * as cpu from "./hal/cpu";
import * as timer from "./timer";

/** Microseconds that a VM may take to come to a state. */
const PATIENCE: u64 = 10000000;
export const UNKNOWN: u64 = 0xffffffffffffffff;

/** One of HL_VM_CREATE to HL_VM_DESTROY. */
export function order(what: u32, vm: u64): u64 {
  return call.hvc(what, vm, 0, 0);
}

export function count(): u64 {
  return call.hvc(HL_VM_COUNT, 0, 0, 0);
}

/** One of vmStates, or UNKNOWN. */
export function state(vm: u64): u64 {
  return call.hvc(HL_VM_STATE, vm, 0, 0) == 0 ? call.result(1) : UNKNOWN;
}

/** How often it has crashed. */
export function crashes(vm: u64): u64 {
  return call.hvc(HL_VM_STATE, vm, 0, 0) == 0 ? call.result(2) : UNKNOWN;
}

/** The first eight bytes of its name, the first lowest. */
export function name(vm: u64): u64 {
  return call.hvc(HL_VM_NAME, vm, 0, 0) == 0 ? call.result(1) : UNKNOWN;
}

/** Waits, giving way, until a VM is in a state; whether it is. */
export function awaitState(vm: u64, wanted: u64): bool {
  const until = cpu.count() + timer.counts(PATIENCE);
  while (state(vm) != wanted && cpu.count() < until) {
    call.hvc(HL_YIELD, 0, 0, 0);
    // QEMU runs no other CPU under -icount until this one says that it waits.
    cpu.relax();
  }
  return state(vm) == wanted;
}
