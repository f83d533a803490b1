// What the hypervisor tells a guest about its VM and the calling vCPU (abi/calls.ts).

import { HL_VCPU_FACT, HL_VM_FACT } from "../../build/gen/calls";
import * as call from "./hal/call";

/** One of vmFacts; 0 if it is refused. */
export function ofVm(fact: u64): u64 {
  return call.hvc(HL_VM_FACT, fact, 0, 0) == 0 ? call.result(1) : 0;
}

/** One of vcpuFacts; 0 if it is refused. */
export function ofVcpu(fact: u64): u64 {
  return call.hvc(HL_VCPU_FACT, fact, 0, 0) == 0 ? call.result(1) : 0;
}
