// Making a VM from its node in the manifest: records, RAM, regions, stage 2.

import { IN_MMU } from "../../build/gen/console";
import { INTIDS, RAM_BASE } from "../../build/gen/guest";
import { Ipa, Pa } from "../hal/addr";
import * as arena from "../lib/arena";
import { crash } from "../log/halt";
import * as log from "../log/log";
import * as frames from "../mmu/frames";
import * as stage2 from "../mmu/stage2";
import { Mapped, Stage2 } from "../mmu/stage2";
import { nextRegion } from "./load";
import * as manifest from "./manifest";
import { IrqWord, Rtc, Uart, Vcpu, Vm } from "./records";

/** Pages of stage-2 tables that a VM may use: 1 GiB of RAM in pages of 4 KiB takes 515. */
const TABLE_QUOTA: u32 = 1024;

function take(bytes: u64, what: string): u64 {
  const pa = frames.take(bytes) as u64;
  if (pa == 0) crash(what, bytes >> 20, frames.freeBytes() >> 20);
  return pa;
}

function mapOrStop(vm: Vm, ipa: u64, pa: u64, bytes: u64, attributes: u64): void {
  const result = stage2.map(vm.stage2, ipa as Ipa, pa as Pa, bytes, attributes);
  if (result == Mapped.IN_USE) crash("the bundle is corrupt: the memory at 0x%x is mapped twice", ipa);
  if (result != Mapped.OK) crash("stage 2: cannot map 0x%x (error %d, %d tables in use)", ipa, result, vm.stage2.tables);
}

function roundUp(bytes: u64): u64 {
  return (bytes + frames.FRAME - 1) & ~(frames.FRAME - 1);
}

/** A VM of one vCPU, mapped, its memory still as it was. Does not return if it cannot be made. */
export function vm(node: u32): Vm {
  const vm = changetype<Vm>(arena.take(offsetof<Vm>(), 16));
  const vcpu = changetype<Vcpu>(arena.take(offsetof<Vcpu>(), 16));
  vm.vmid = 1;
  vm.vcpus = 1;
  vm.vcpu = vcpu;
  vm.stage2 = changetype<Stage2>(arena.take(offsetof<Stage2>(), 8));
  vm.uart = changetype<Uart>(arena.take(offsetof<Uart>(), 8));
  vm.rtc = changetype<Rtc>(arena.take(offsetof<Rtc>(), 8));
  vm.spis = arena.take(offsetof<IrqWord>() * ((INTIDS >> 5) - 1), 8);
  vm.routes = arena.take((INTIDS - 32) << 3, 8);
  vcpu.vm = vm;
  vcpu.irqs = changetype<IrqWord>(arena.take(offsetof<IrqWord>(), 8));
  // MPIDR_EL1: bit 31 is RES1, affinity 0.
  vcpu.mpidr = 0x80000000;

  manifest.readVm(vm, node);
  if (!stage2.create(vm.stage2, TABLE_QUOTA)) crash("stage 2: no page for its root");
  vm.ram = take(vm.bytes, "too little RAM: the VM wants %d MiB in a row, %d MiB are free");
  mapOrStop(vm, RAM_BASE, vm.ram, vm.bytes, stage2.RAM);
  let region = vm.firstRegion;
  for (let n: u32 = 0; n < vm.regions; n++) {
    region.pa = take(roundUp(region.bytes), "too little RAM: a region of %d MiB, %d MiB are free");
    mapOrStop(vm, region.ipa, region.pa, region.bytes, region.readOnly != 0 ? stage2.ROM : stage2.RAM);
    region = nextRegion(region);
  }
  log.debug(IN_MMU, "vm%d: RAM at 0x%x, %d tables of stage 2", vm.id, vm.ram, vm.stage2.tables);
  return vm;
}
