// A VM's devices and vCPUs as at power-on: what a start and a reset have in common, when its memory is filled.

import { PTIMER_INTID } from "../../build/gen/guest";
import * as el2 from "../cpu/el2";
import * as timer from "../drivers/timer";
import * as console from "../log/console";
import * as stage2 from "../mmu/stage2";
import { Vcpu, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as work from "../vm/work";
import * as vgic from "./vgic";
import * as vrtc from "./vrtc";
import * as vuart from "./vuart";

/** A vCPU as it is switched on; it is loaded nowhere. Everything that is not named is zero (PSCI, 6.4). */
export function resetVcpu(vcpu: Vcpu, entry: u64, argument: u64): void {
  el2.resetFrame(vcpu, entry, argument);
  vcpu.cntpCtl = 0;
  vcpu.cntpCval = 0;
  vcpu.mdscr = 0;
  vcpu.serror = 0;
  vcpu.stolenShown = 0;
  vcpu.timerSaved = 1;
  vgic.resetCpu(vcpu);
  vgic.setPrivateLine(vcpu, PTIMER_INTID, false);
}

/** Everything of a VM, of which no CPU holds anything. Its lock is held. */
export function on(vm: Vm): void {
  for (let n: u32 = 0; n < vm.vcpus; n++) resetVcpu(table.vcpu(vm, n), 0, 0);
  resetVcpu(table.vcpu(vm, 0), work.entry(vm) as u64, work.treeAddress(vm) as u64);
  // Nothing is stolen from its new life yet; its memory says so already.
  for (let n: u32 = 0; n < vm.vcpus; n++) table.vcpu(vm, n).stolen = 0;
  vgic.reset(vm);
  vuart.reset(vm.uart);
  vrtc.restart(vm);
  console.open(vm.id, table.nameOf(vm));
  // Nothing of its former life, or of who had the VMID before, is left in a TLB.
  stage2.forget(vm.vmid);
  vm.startCount = timer.now();
}
