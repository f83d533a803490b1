// A VM's devices and vCPUs as at power-on: what a start and a reset have in common, when its memory is filled.

import * as el2 from "../cpu/el2";
import * as timer from "../drivers/timer";
import * as console from "../log/console";
import { Cpu } from "../sched/cpus";
import { Vcpu, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as work from "../vm/work";
import * as exchange from "./exchange";
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
}

/** Everything of a VM, of which no CPU holds anything; this CPU works for it. Its lock is held. */
export function on(cpu: Cpu, vm: Vm): void {
  for (let n: u32 = 0; n < vm.vcpus; n++) resetVcpu(table.vcpu(vm, n), 0, 0);
  resetVcpu(table.vcpu(vm, 0), work.entry(vm) as u64, work.treeAddress(vm) as u64);
  const seconds = vrtc.now(vm);
  vm.countOffset = timer.now();
  vgic.reset(vm);
  vuart.reset(vm.uart);
  vrtc.reset(vm.rtc, seconds);
  console.open(vm.id, changetype<usize>(vm) + offsetof<Vm>("name0"));
  // Nothing of its former life, or of who had the VMID before, is left in a TLB.
  el2.select(vm.stage2.root, vm.vmid, 0, 0, false);
  el2.forgetTranslations();
  exchange.select(cpu);
  vm.startCount = timer.now();
}
