// The table of VMs: a slot for each that the manifest names, made at boot, and the regions that they share. A VM's id is the number of its slot,
// its VMID one more.

import { INTIDS } from "../../build/gen/guest";
import { LOCK_VM } from "../../build/gen/locks";
import * as arena from "../lib/arena";
import { Stage2 } from "../mmu/stage2";
import { CrashRecord, Doorbell, IrqWord, REGISTERS, Region, Rtc, Segment, Share, Shared, Uart, Vcpu, Vm } from "./records";

/** Addresses of the records, and how many there are. */
const slots: usize = memory.data(256, 8);
const used: usize = memory.data(4, 4);

@unmanaged
class SharedRegions {
  count: u32;
  first: Shared;
}
const regions = changetype<SharedRegions>(memory.data(8, 4));

/** Bytes from one vCPU's record to the next: none shares a cache line with another. */
const STRIDE: usize = (offsetof<Vcpu>() + 63) & ~(63 as usize);

/** How many VMs the system names. */
export function count(): u32 {
  return load<u32>(used);
}

/** The VM of an id below `count`. */
export function vm(id: u32): Vm {
  return changetype<Vm>(load<usize>(slots + (id << 2)));
}

/** Its vCPU of a number below `vm.vcpus`. */
export function vcpu(vm: Vm, n: u32): Vcpu {
  return changetype<Vcpu>(changetype<usize>(vm.firstVcpu) + (n as usize) * STRIDE);
}

/** Where its name is: zero-terminated bytes. */
export function nameOf(vm: Vm): usize {
  return changetype<usize>(vm) + offsetof<Vm>("name0");
}

/** A slot for one more VM, with its vCPUs: records of zeros but for who they are. At boot, at most MAX_VMS times. */
export function add(vcpus: u32): Vm {
  const id = load<u32>(used);
  const vm = changetype<Vm>(arena.take(offsetof<Vm>(), 64));
  vm.lockPlace = LOCK_VM;
  vm.id = id;
  vm.vmid = id + 1;
  vm.vcpus = vcpus;
  vm.stage2 = changetype<Stage2>(arena.take(offsetof<Stage2>(), 8));
  vm.crash = changetype<CrashRecord>(arena.take(offsetof<CrashRecord>(), 8));
  vm.crash.registers = arena.take(REGISTERS << 3, 8);
  vm.uart = changetype<Uart>(arena.take(offsetof<Uart>(), 8));
  vm.rtc = changetype<Rtc>(arena.take(offsetof<Rtc>(), 8));
  vm.spis = arena.take(offsetof<IrqWord>() * ((INTIDS >> 5) - 1), 8);
  vm.routes = arena.take((INTIDS - 32) << 3, 8);
  vm.firstVcpu = changetype<Vcpu>(arena.take(STRIDE * vcpus, 64));
  for (let n: u32 = 0; n < vcpus; n++) {
    const one = vcpu(vm, n);
    one.vm = vm;
    one.id = n;
    // MPIDR_EL1: bit 31 is RES1, affinity 0 counts them.
    one.mpidr = (0x80000000 as u64) | n;
    one.irqs = changetype<IrqWord>(arena.take(offsetof<IrqWord>(), 8));
  }
  store<usize>(slots + (id << 2), changetype<usize>(vm));
  store<u32>(used, id + 1);
  return vm;
}

/** Its regions, shared regions, doorbells and further parts of the kernel, by number. */
export function region(vm: Vm, n: u32): Region {
  return changetype<Region>(changetype<usize>(vm.firstRegion) + n * offsetof<Region>());
}
export function share(vm: Vm, n: u32): Share {
  return changetype<Share>(changetype<usize>(vm.firstShare) + n * offsetof<Share>());
}
export function doorbell(vm: Vm, n: u32): Doorbell {
  return changetype<Doorbell>(changetype<usize>(vm.firstDoorbell) + n * offsetof<Doorbell>());
}
export function segment(vm: Vm, n: u32): Segment {
  return changetype<Segment>(changetype<usize>(vm.firstSegment) + n * offsetof<Segment>());
}

/** The regions that belong to the system, which VMs share. `makeShared`: at boot, once. */
export function makeShared(count: u32): void {
  regions.count = count;
  regions.first = changetype<Shared>(arena.take(offsetof<Shared>() * count, 8));
}
export function sharedCount(): u32 {
  return regions.count;
}
export function shared(n: u32): Shared {
  return changetype<Shared>(changetype<usize>(regions.first) + n * offsetof<Shared>());
}
