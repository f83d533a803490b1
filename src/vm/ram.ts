// A VM's RAM as its devices reach it: where an IPA lies in physical memory. It is one row of frames but where memory is scattered.

import { RAM_BASE } from "../../build/gen/guest";
import { Ipa, Pa } from "../hal/addr";
import { FRAME } from "../mmu/frames";
import * as stage2 from "../mmu/stage2";
import { Vm } from "./records";

/** Whether [ipa, ipa + bytes) is RAM of the VM. */
export function holds(vm: Vm, ipa: Ipa, bytes: u64): bool {
  const at = (ipa as u64) - RAM_BASE;
  return at < vm.bytes && bytes <= vm.bytes - at;
}

/** Where an IPA of its RAM lies. */
export function find(vm: Vm, ipa: Ipa): Pa {
  if (vm.ram != 0) return (vm.ram + ((ipa as u64) - RAM_BASE)) as Pa;
  return stage2.translate(vm.stage2, ipa);
}

/** How many of `bytes` from an IPA of its RAM on lie one behind the other. */
export function inOnePiece(vm: Vm, ipa: Ipa, bytes: u64): u64 {
  if (vm.ram != 0) return bytes;
  return min<u64>(bytes, FRAME - ((ipa as u64) & (FRAME - 1)));
}
