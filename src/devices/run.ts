// Which vCPU runs next: the one there is, as soon as it is ready.

import * as cpu from "../hal/cpu";
import { Vcpu, VcpuState } from "../vm/records";
import * as interrupt from "./interrupt";

/** The vCPU to enter after a call of this one, which may have put it to sleep. */
export function next(vcpu: Vcpu): Vcpu {
  return vcpu.state == VcpuState.READY ? vcpu : wait(vcpu);
}

/** Waits until the vCPU is ready: interrupts stay masked, WFI ends when one is pending all the same. */
function wait(vcpu: Vcpu): Vcpu {
  while (vcpu.state != VcpuState.READY) {
    cpu.wfi();
    interrupt.handle(vcpu);
  }
  return vcpu;
}
