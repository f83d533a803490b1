// Paravirtualized time (Arm DEN0057): how long each vCPU was ready, but had to wait for a CPU. It is in a page of the VM that EL2 alone writes.

import { NOT_SUPPORTED, PV_TIME_FEATURES, PV_TIME_ST, SUCCESS } from "../../build/gen/calls";
import { STOLEN_BASE, STOLEN_STRIDE } from "../../build/gen/guest";
import * as exchange from "../devices/exchange";
import { Vcpu } from "../vm/records";

export function features(id: u64): u64 {
  const there = id == PV_TIME_FEATURES || id == PV_TIME_ST;
  return there ? SUCCESS : NOT_SUPPORTED;
}

/** Where the calling vCPU's structure is (4.2.2: revision 0, attributes 0, stolen time in nanoseconds); it is kept from now on. */
export function structure(vcpu: Vcpu): u64 {
  vcpu.stolenShown = 1;
  exchange.showStolen(vcpu);
  return STOLEN_BASE + vcpu.id * STOLEN_STRIDE;
}
