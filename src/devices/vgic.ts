// The virtual GICv3 (Arm IHI 0069) of a VM: which interrupts become pending for which vCPU, wherever that is.
//
// After a change of words, `look` has the CPU on which the vCPU is refill its list registers (vgic-lists.ts). SGIs of group 1 go through the vCPU's inbox,
// without a lock. Where it says nothing else, the VM's lock is held.

import { INTIDS, VTIMER_INTID } from "../../build/gen/guest";
import * as atomic from "../hal/atomic";
import * as cpus from "../sched/cpus";
import * as sched from "../sched/sched";
import { IrqWord, Vcpu, VcpuState, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as guard from "./guard";
import * as inbox from "./inbox";
import { INBOX_LOOK, INBOX_SGIS } from "./inbox";
import * as lr from "./list-registers";
import * as lists from "./vgic-lists";

/** Brings what is in a vCPU's inbox into its words; `look` follows. The VM's lock is held. */
export function collect(vcpu: Vcpu): void {
  const at = changetype<usize>(vcpu) + offsetof<Vcpu>("inbox");
  if (atomic.load32(at) == 0) return;
  vcpu.irqs.latch |= atomic.swap32(at, 0) & vcpu.irqs.group & INBOX_SGIS;
}

/** Brings the list registers of a vCPU that is loaded here in step with its words. */
function update(vcpu: Vcpu): void {
  lists.fold(vcpu);
  collect(vcpu);
  lists.refill(vcpu);
}

/** Another CPU may wake it at any time. */
function isBlocked(vcpu: Vcpu): bool {
  return atomic.load32(changetype<usize>(vcpu) + offsetof<Vcpu>("state")) == VcpuState.BLOCKED;
}

/** After the words of a vCPU have changed; returns whether another CPU was interrupted for it. The VM's lock is held. */
export function look(vcpu: Vcpu): bool {
  if (!lists.isHere(vcpu)) return inbox.deliver(vcpu, INBOX_LOOK);
  update(vcpu);
  if (vcpu.interruptPending != 0 && isBlocked(vcpu)) sched.wake(vcpu);
  return false;
}

/** The same for the vCPUs that some SPIs of a word belong to: one that is active elsewhere comes to its target when it has ended there. */
export function lookShared(vm: Vm, word: IrqWord, bits: u32): bool {
  let seen: u32 = 0;
  let interrupted = false;
  for (; bits != 0; bits &= bits - 1) {
    const owner = lists.ownerOf(word, ctz<u32>(bits));
    if (owner == lists.NO_TARGET || ((seen >> owner) & 1) != 0) continue;
    seen |= (1 as u32) << owner;
    if (look(table.vcpu(vm, owner))) interrupted = true;
  }
  return interrupted;
}

/** Another CPU has asked to look at the vCPU that is loaded here. */
export function requested(): void {
  const vcpu = cpus.self().loaded;
  if (changetype<usize>(vcpu) != 0) maintain(vcpu);
}

/** Sends an SGI through the register of one group: it is pending if it is of that group at the vCPU. */
export function sendSgi(vcpu: Vcpu, intid: u32, group1: bool): void {
  const bit = (1 as u32) << intid;
  if (group1 && !lists.isHere(vcpu)) {
    inbox.deliver(vcpu, bit);
    return;
  }
  guard.enter(vcpu.vm);
  vcpu.irqs.latch |= bit & (group1 ? vcpu.irqs.group : ~vcpu.irqs.group);
  look(vcpu);
  guard.leave(vcpu.vm);
}

/** Sets the line of a private interrupt. The VM's lock is held. */
export function setPrivateLine(vcpu: Vcpu, intid: u32, high: bool): void {
  const bit = (1 as u32) << intid;
  const word = vcpu.irqs;
  if (((word.level & bit) != 0) == high) return;
  word.level = high ? word.level | bit : word.level & ~bit;
  look(vcpu);
}

/** Sets the line of an SPI's source; where the guest has configured it as edge-triggered, a rise is kept. The VM's lock is held. */
export function setSharedLine(vm: Vm, intid: u32, high: bool): void {
  const word = lists.sharedWord(vm, intid >> 5);
  const bit = (1 as u32) << (intid & 31);
  if (((word.level & bit) != 0) == high) return;
  word.level = high ? word.level | bit : word.level & ~bit;
  if (high) word.latch |= bit & word.edge;
  lookShared(vm, word, bit);
}

/**
 * An edge of an SPI's source; another one is nothing new while the first waits for a list register. Returns whether another CPU was interrupted for it.
 * The VM's lock is held.
 */
export function raiseShared(vm: Vm, intid: u32): bool {
  const word = lists.sharedWord(vm, intid >> 5);
  const bit = (1 as u32) << (intid & 31);
  if ((word.latch & bit) != 0) return false;
  word.latch |= bit;
  return lookShared(vm, word, bit);
}

/** Makes interrupts active that no list register holds; SPIs on the vCPU that they go to. */
export function activate(word: IrqWord, bits: u32): void {
  for (let fresh = bits & ~word.active; fresh != 0; fresh &= fresh - 1) {
    const bit = ctz<u32>(fresh);
    lists.setHolder(word, bit, lists.targetOf(word, bit));
  }
  word.active |= bits;
}

/** The board's virtual timer has fired while this vCPU was loaded here; its interrupt is active now. */
export function timerFired(vcpu: Vcpu): void {
  guard.enter(vcpu.vm);
  // What a list register says of the timer is of its former interrupt.
  lists.fold(vcpu);
  vcpu.timerHeld = 1;
  vcpu.irqs.level |= (1 as u32) << VTIMER_INTID;
  look(vcpu);
  guard.leave(vcpu.vm);
}

/** The list registers of a vCPU that is loaded here may not be what they should. */
export function maintain(vcpu: Vcpu): void {
  guard.enter(vcpu.vm);
  look(vcpu);
  guard.leave(vcpu.vm);
}

/** Whether an interrupt waits for the running vCPU, whatever its masks are: what ends a WFI. */
export function hasPending(vcpu: Vcpu): bool {
  maintain(vcpu);
  return vcpu.interruptPending != 0;
}

/** Takes what list registers and the board's timer hold of a vCPU out of this CPU. */
export function save(vcpu: Vcpu): void {
  lists.fold(vcpu);
  lists.releaseTimer(vcpu);
}

/** Puts a vCPU's interrupts into this CPU, which has its timer already. */
export function restore(vcpu: Vcpu): void {
  lr.restore(vcpu);
  lists.loadTimer(vcpu);
  collect(vcpu);
  lists.refill(vcpu);
}

/** A vCPU's CPU interface as at reset; what is pending for it stays so in the redistributor, and in its inbox. It is loaded nowhere. */
export function resetCpu(vcpu: Vcpu): void {
  vcpu.vmcr = 0;
  vcpu.activeGroup0 = 0;
  vcpu.activeGroup0High = 0;
  vcpu.activeGroup1 = 0;
  vcpu.activeGroup1High = 0;
}

/** A VM's GIC as at reset: everything disabled, nothing pending; SPIs go to vCPU 0. None of its vCPUs is loaded. */
export function reset(vm: Vm): void {
  vm.gicEnable = 0;
  memory.fill(vm.spis, 0, (lists.WORDS - 1) * offsetof<IrqWord>());
  memory.fill(vm.routes, 0, (INTIDS - 32) << 3);
  for (let n: u32 = 0; n < vm.vcpus; n++) {
    const vcpu = table.vcpu(vm, n);
    memory.fill(changetype<usize>(vcpu.irqs), 0, offsetof<IrqWord>());
    // SGIs are edges, always (GICR_ICFGR0).
    vcpu.irqs.edge = INBOX_SGIS;
    vcpu.asleep = 1;
    atomic.store32(changetype<usize>(vcpu) + offsetof<Vcpu>("inbox"), 0);
    resetCpu(vcpu);
  }
}
