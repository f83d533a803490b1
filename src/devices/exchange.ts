// What moves when a CPU changes its vCPU: EL1 registers, vector registers if they were used, list registers, timers, stage 2, and how long it has waited.

import { MAX_VMS } from "../../build/gen/bundle";
import { STOLEN_STRIDE } from "../../build/gen/guest";
import * as el2 from "../cpu/el2";
import { Pa } from "../hal/addr";
import * as context from "../hal/context";
import * as phys from "../hal/phys";
import * as sysreg from "../hal/sysreg";
import * as stage2 from "../mmu/stage2";
import { Cpu } from "../sched/cpus";
import * as sched from "../sched/sched";
import { Vcpu } from "../vm/records";
import * as guard from "./guard";
import * as lr from "./list-registers";
import * as vgic from "./vgic";
import * as lists from "./vgic-lists";
import * as vtimer from "./vtimer";

const NANOSECONDS: u64 = 1000000000;
/** Offset of stolen_time in the structure of a vCPU (DEN0057, 4.2.2). */
const STOLEN_TIME: u64 = 8;

/** Which vCPU of each VM has run on each CPU last: its id plus one, one byte each for MAX_CPUS times MAX_VMS. */
const ran: usize = memory.data(512, 8);

/** Leaves this CPU without any VM's translations. */
export function select(cpu: Cpu): void {
  el2.select(stage2.nothing() as u64, 0, cpu.mpidr, 0, false);
}

/** Brings everything of the vCPU that is loaded into its record. */
function save(cpu: Cpu): void {
  const vcpu = cpu.loaded;
  context.saveEl1(changetype<usize>(vcpu));
  if (vcpu.fpLoaded != 0) saveFp(vcpu);
  vcpu.serror = u32(el2.hasSerror());
  lr.save(vcpu);
  if (!lists.isFolded(vcpu) || vtimer.isSet(vcpu)) handOver(vcpu);
  cpu.loaded = changetype<Vcpu>(0);
}

/** What others of its VM may look at meanwhile: its interrupts, and its timer, for which EL2's stands from now on. */
function handOver(vcpu: Vcpu): void {
  guard.enter(vcpu.vm);
  vgic.save(vcpu);
  vtimer.saved(vcpu);
  guard.leave(vcpu.vm);
}

/** The vector registers never stay on a CPU that their vCPU has left. */
function saveFp(vcpu: Vcpu): void {
  context.saveFp(changetype<usize>(vcpu));
  el2.setFp(false);
  vcpu.fpLoaded = 0;
}

/** Takes the vCPU that is loaded out of this CPU. */
export function unload(cpu: Cpu): void {
  const vcpu = cpu.loaded;
  save(cpu);
  el2.stopVirtualTimer();
  select(cpu);
  sched.left(vcpu);
}

/** Puts a vCPU into this CPU, in place of the one that is there. */
export function take(cpu: Cpu, vcpu: Vcpu): void {
  const other = cpu.loaded;
  if (changetype<usize>(other) != 0) save(cpu);
  const vm = vcpu.vm;
  el2.select(vm.stage2.root, vm.vmid, vcpu.mpidr, vm.countOffset, vcpu.serror != 0);
  if (changetype<usize>(other) != 0) sched.left(other);
  context.loadEl1(changetype<usize>(vcpu));
  const last = ran + cpu.number * MAX_VMS + vm.id;
  if ((load<u8>(last) as u32) != vcpu.id + 1) {
    if (load<u8>(last) != 0) el2.forgetOtherVcpu();
    store<u8>(last, vcpu.id + 1);
  }
  cpu.loaded = vcpu;
  vcpu.switches++;
  guard.enter(vm);
  vgic.restore(vcpu);
  // Behind it: a timer that has come goes through the list registers.
  vtimer.loaded(vcpu);
  guard.leave(vm);
  if (vcpu.stolenShown != 0) showStolen(vcpu);
}

/** Writes how long a vCPU has waited, in nanoseconds, where its guest reads it. */
export function showStolen(vcpu: Vcpu): void {
  const frequency = max<u64>(sysreg.readCntfrqEl0(), 1);
  const seconds = vcpu.stolen / frequency;
  const time = seconds * NANOSECONDS + ((vcpu.stolen % frequency) * NANOSECONDS) / frequency;
  phys.write64(stolenAt(vcpu), time);
}

function stolenAt(vcpu: Vcpu): Pa {
  return (vcpu.vm.stolenPage + vcpu.id * STOLEN_STRIDE + STOLEN_TIME) as Pa;
}
