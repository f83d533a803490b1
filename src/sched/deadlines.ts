// Deadlines of vCPUs: for each CPU a binary heap of those that are to be woken, the earliest first. Under the scheduler's lock.

import { MAX_VCPUS, MAX_VMS } from "../../build/gen/bundle";
import { NEVER } from "../drivers/timer";
import { Vcpu } from "../vm/records";
import * as cpus from "./cpus";
import { Cpu } from "./cpus";
import { NOBODY } from "./list";

/** Every vCPU is in one heap at most. */
const CAPACITY: u32 = MAX_VMS * MAX_VCPUS;
/** One pointer each, CAPACITY for each of MAX_CPUS. */
const heaps: usize = memory.data(16384, 8);

function slot(cpu: Cpu, index: u32): usize {
  return heaps + ((cpu.number * CAPACITY + index) << 2);
}
function vcpuAt(cpu: Cpu, index: u32): Vcpu {
  return changetype<Vcpu>(load<u32>(slot(cpu, index)));
}
function put(cpu: Cpu, index: u32, vcpu: Vcpu): void {
  store<u32>(slot(cpu, index), changetype<usize>(vcpu) as u32);
  vcpu.heapIndex = index + 1;
}

/** Moves the vCPU that belongs at `index` or nearer to the root to its place. */
function up(cpu: Cpu, index: u32, vcpu: Vcpu): void {
  while (index != 0) {
    const parent = (index - 1) >> 1;
    if (vcpuAt(cpu, parent).deadline <= vcpu.deadline) break;
    put(cpu, index, vcpuAt(cpu, parent));
    index = parent;
  }
  put(cpu, index, vcpu);
}

/** Likewise, farther from the root. */
function down(cpu: Cpu, index: u32, vcpu: Vcpu): void {
  for (;;) {
    let child: u32 = 2 * index + 1;
    if (child >= cpu.deadlines) break;
    if (child + 1 < cpu.deadlines && vcpuAt(cpu, child + 1).deadline < vcpuAt(cpu, child).deadline) child++;
    if (vcpu.deadline <= vcpuAt(cpu, child).deadline) break;
    put(cpu, index, vcpuAt(cpu, child));
    index = child;
  }
  put(cpu, index, vcpu);
}

function remove(vcpu: Vcpu): void {
  const cpu = cpus.at(vcpu.heapCpu);
  const index = vcpu.heapIndex - 1;
  vcpu.heapIndex = 0;
  cpu.deadlines--;
  if (index == cpu.deadlines) return;
  const last = vcpuAt(cpu, cpu.deadlines);
  if (last.deadline < vcpu.deadline) up(cpu, index, last);
  else down(cpu, index, last);
}

/** Puts a vCPU into the heap of `cpu` at the earlier of its two deadlines; takes it out of where it was. */
export function update(cpu: Cpu, vcpu: Vcpu): void {
  const when = min<u64>(vcpu.timerDeadline, vcpu.capDeadline);
  if (vcpu.heapIndex != 0) {
    if (vcpu.deadline == when && vcpu.heapCpu == cpu.number) return;
    remove(vcpu);
  }
  vcpu.deadline = when;
  if (when == NEVER) return;
  vcpu.heapCpu = cpu.number;
  cpu.deadlines++;
  up(cpu, cpu.deadlines - 1, vcpu);
}

/** The earliest deadline of a CPU; NEVER: there is none. */
export function first(cpu: Cpu): u64 {
  return cpu.deadlines == 0 ? NEVER : vcpuAt(cpu, 0).deadline;
}

/** Takes the first vCPU out of the heap if its deadline has come; null: none. */
export function take(cpu: Cpu, now: u64): Vcpu {
  if (first(cpu) > now) return NOBODY;
  const vcpu = vcpuAt(cpu, 0);
  remove(vcpu);
  return vcpu;
}
