// A VM's start, reset and end. What it takes for that of other VMs: nothing.

import { IN_VM, LOG_INFO } from "../../build/gen/console";
import * as el2 from "../cpu/el2";
import * as vgic from "../devices/vgic";
import * as vrtc from "../devices/vrtc";
import * as vtimer from "../devices/vtimer";
import * as vuart from "../devices/vuart";
import * as timer from "../drivers/timer";
import * as context from "../hal/context";
import * as halt from "../log/halt";
import * as log from "../log/log";
import * as guestLog from "../vm/guest-log";
import * as load from "../vm/load";
import { Vcpu, VcpuState, Vm } from "../vm/records";
import { random } from "./trng";

/** Vcpu's own fields begin behind the frame; those that a start clears. */
function clear(vcpu: Vcpu): void {
  vcpu.cntpCtl = 0;
  vcpu.cntpCval = 0;
  vcpu.mdscr = 0;
}

/** Puts a VM's vCPU onto this CPU as at power-on, its memory filled. `rtcBase`: seconds that its clock shows. */
function powerOn(vm: Vm, rtcBase: u32): void {
  const vcpu = vm.vcpu;
  el2.resetFrame(vcpu, load.entry(vm) as u64, load.treeAddress(vm) as u64);
  clear(vcpu);
  el2.setFp(false);
  vgic.reset(vcpu);
  vuart.reset(vm.uart);
  vm.countOffset = timer.now();
  vrtc.reset(vm.rtc, rtcBase);
  context.loadEl1(changetype<usize>(vcpu));
  el2.select(vm.stage2.root, vm.vmid, vcpu.mpidr, vm.countOffset);
  el2.forgetTranslations();
  vtimer.update(vcpu);
  vuart.pull(vcpu);
  vcpu.state = VcpuState.READY;
  vm.startCount = timer.now();
}

/** The first start. `zeroed`: its RAM, which nobody had, is made zero. */
export function start(vm: Vm, zeroed: bool, rtcBase: u32): void {
  load.load(vm, zeroed, random);
  log.write(LOG_INFO, IN_VM, vm.id, "%s starts, %d MiB", changetype<usize>(vm) + offsetof<Vm>("name0"), vm.bytes >> 20, 0);
  powerOn(vm, rtcBase);
  log.debug(IN_VM, "vm%d runs since the board's count of %d", vm.id, vm.startCount);
}

/** SYSTEM_RESET: everything as at the first start, nothing of before left. */
export function reset(vm: Vm): void {
  guestLog.info(vm, IN_VM, "%s resets", changetype<usize>(vm) + offsetof<Vm>("name0"));
  const now = vrtc.now(vm);
  load.load(vm, true, random);
  powerOn(vm, now);
}

/** SYSTEM_OFF, or its last vCPU went off. With no VM left the run ends well. */
export function off(vm: Vm): void {
  log.write(LOG_INFO, IN_VM, vm.id, "%s is off", changetype<usize>(vm) + offsetof<Vm>("name0"), 0, 0);
  vm.vcpu.state = VcpuState.OFF;
  halt.off();
}

/** The one place that stops a VM for what it did: `s` says what, with the address `a`. */
export function crash(vm: Vm, s: string, a: u64): void {
  vm.vcpu.state = VcpuState.OFF;
  halt.crash(s, changetype<usize>(vm) + offsetof<Vm>("name0"), a);
}
