// Virtual interrupts of the vCPU that this CPU has loaded, on their way through the list registers (Arm IHI 0069, 12.4.8).
//
// The truth about an interrupt is in its IrqWord, except while a list register holds it: then the guest's CPU interface changes its state without
// an exit. `fold` takes all of that back, `refill` hands the most urgent ones out again; whoever changes something does so before a `refill`.
// Nothing is read back on an exit that does not need it. The words are guarded by the VM's lock (guard.ts); list registers belong to the CPU that they
// are in.

import {
  ICH_HCR_EN,
  ICH_HCR_UIE,
  LR_ACTIVE,
  LR_EOI,
  LR_GROUP1,
  LR_HW,
  LR_PENDING,
  LR_PINTID_SHIFT,
  LR_PRIORITY_SHIFT,
} from "../../build/gen/gic";
import { INTIDS, VTIMER_INTID } from "../../build/gen/guest";
import * as el2 from "../cpu/el2";
import * as gicv3 from "../drivers/gicv3";
import * as atomic from "../hal/atomic";
import * as cpu from "../hal/cpu";
import * as sysreg from "../hal/sysreg";
import * as cpus from "../sched/cpus";
import { Cpu, Request } from "../sched/cpus";
import { IrqWord, Vcpu, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as inbox from "./inbox";
import { INBOX_LOOK } from "./inbox";
import * as lr from "./list-registers";

/** Interrupts in words of 32. */
export const WORDS: u32 = INTIDS >> 5;
/** ICH_HCR_EL2.LRENPIE: maintenance when the guest ends an interrupt that no list register holds. */
const LRENPIE: u64 = 4;
/** ICH_HCR_EL2.NPIE: maintenance while no list register is pending. */
const NPIE: u64 = 8;
/** ICH_HCR_EL2: maintenance while a group is let through by the guest's interface (EIE), or held back (DIE). */
const VGRP0EIE: u64 = 0x10;
const VGRP0DIE: u64 = 0x20;
const VGRP1EIE: u64 = 0x40;
const VGRP1DIE: u64 = 0x80;
/** ICH_VMCR_EL2.VENG0 and VENG1. */
const BOTH_GROUPS: u32 = 3;
const EOI_COUNT_SHIFT: u64 = 27;
/** No interrupt. */
const NONE: u32 = 0xffffffff;
/** The target of an SPI that goes to nobody. */
export const NO_TARGET: u32 = 0xff;

/** The INTID of the board that the guest's virtual timer is linked to. */
const timerIntid: usize = memory.data(4, 4);

/** Once, with the INTID of the board's virtual timer. */
export function init(physicalTimer: u32): void {
  store<u32>(timerIntid, physicalTimer);
  lr.init();
}

/** On each CPU. */
export function initCpu(): void {
  lr.clear();
  sysreg.writeIchHcrEl2(ICH_HCR_EN);
}

/** Word `index` of a VM's SPIs, from 1. */
export function sharedWord(vm: Vm, index: u32): IrqWord {
  return changetype<IrqWord>(vm.spis + (index - 1) * offsetof<IrqWord>());
}

/** Word `index` of the interrupts that a vCPU sees. */
export function wordOf(vcpu: Vcpu, index: u32): IrqWord {
  return index == 0 ? vcpu.irqs : sharedWord(vcpu.vm, index);
}

export function priorityOf(word: IrqWord, bit: u32): u32 {
  return load<u8>(changetype<usize>(word) + bit, offsetof<IrqWord>("priority0"));
}

/** The vCPU that an SPI goes to; NO_TARGET: to nobody. */
export function targetOf(word: IrqWord, bit: u32): u32 {
  return load<u8>(changetype<usize>(word) + bit, offsetof<IrqWord>("target0"));
}

/** The vCPU that has an interrupt listed, or active. */
export function holderOf(word: IrqWord, bit: u32): u32 {
  return load<u8>(changetype<usize>(word) + bit, offsetof<IrqWord>("holder0"));
}

/** The vCPU that an interrupt of a word belongs to now; private ones have no other. */
export function ownerOf(word: IrqWord, bit: u32): u32 {
  return ((word.active >> bit) & 1) != 0 ? holderOf(word, bit) : targetOf(word, bit);
}

/** Says on which vCPU an interrupt becomes active. */
export function setHolder(word: IrqWord, bit: u32, id: u32): void {
  store<u8>(changetype<usize>(word) + bit, id, offsetof<IrqWord>("holder0"));
}

/** Level-sensitive interrupts follow their line; edges, SGIs and writes to ISPENDR are kept. */
export function pendingOf(word: IrqWord): u32 {
  return word.latch | (word.level & ~word.edge);
}

/** The interrupts of a word that are in groups, a bit each. */
function inGroups(word: IrqWord, groups: u32): u32 {
  return ((groups & 1) != 0 ? ~word.group : 0) | ((groups & 2) != 0 ? word.group : 0);
}

/** The pending interrupts of a word that are let through: enabled, as their group is. */
function signalledOf(vm: Vm, word: IrqWord): u32 {
  return pendingOf(word) & word.enabled & inGroups(word, vm.gicEnable);
}

/** The interrupts of a word that a list register should hold: those of `groups` that are pending and let through, and, if `active`, all that are active. */
function wanted(vcpu: Vcpu, word: IrqWord, groups: u32, active: bool): u32 {
  if (touched(word) == 0) return 0;
  const fresh = signalledOf(vcpu.vm, word) & ~word.active & inGroups(word, groups);
  return (active ? fresh | word.active : fresh) & ~word.listed;
}

/** An SPI has ended on a vCPU: what is pending of it goes to its target, which does not know of it if that is another one. */
function passOn(vcpu: Vcpu, word: IrqWord, bit: u32): void {
  if (word == vcpu.irqs || ((signalledOf(vcpu.vm, word) >> bit) & 1) == 0) return;
  const target = targetOf(word, bit);
  if (target != vcpu.id && target != NO_TARGET) inbox.deliver(table.vcpu(vcpu.vm, target), INBOX_LOOK);
}

/** Lets the board's virtual timer interrupt come again, if it is held for this vCPU. */
export function releaseTimer(vcpu: Vcpu): void {
  if (vcpu.timerHeld == 0) return;
  vcpu.timerHeld = 0;
  gicv3.deactivate(load<u32>(timerIntid));
}

/** Whether the list registers and the board's timer hold nothing of a vCPU that is loaded here. */
export function isFolded(vcpu: Vcpu): bool {
  return (vcpu.listed | vcpu.timerHeld) == 0 && sysreg.readIchHcrEl2() == (ICH_HCR_EN as u64);
}

/** Takes what the list registers hold back into the words. Afterwards none is in use, nothing is to be maintained, and no end is counted twice. */
export function fold(vcpu: Vcpu): void {
  endUnlisted(vcpu);
  let used = vcpu.listed;
  for (; used != 0; used &= used - 1) {
    const n = ctz<u32>(used);
    const value = lr.read(n);
    const intid = load<u8>(changetype<usize>(vcpu) + n, offsetof<Vcpu>("lrIntid0")) as u32;
    const word = wordOf(vcpu, intid >> 5);
    const bit = (1 as u32) << (intid & 31);
    const wasActive = (word.active & bit) != 0;
    const isActive = (value & LR_ACTIVE) != 0;
    word.listed &= ~bit;
    word.active = isActive ? word.active | bit : word.active & ~bit;
    // What was latched and is still pending was not taken.
    if ((value & LR_PENDING) != 0) word.latch |= bit & word.listedLatch;
    if (intid == VTIMER_INTID) foldTimer(vcpu, value, wasActive && !isActive);
    if (wasActive && !isActive) passOn(vcpu, word, intid & 31);
    lr.write(n, 0);
  }
  vcpu.listed = 0;
  // The ends that it counted are seen to, and empty list registers are not told of until there is a refill.
  sysreg.writeIchHcrEl2(ICH_HCR_EN);
}

/**
 * The virtual timer's interrupt comes out of a list register. Taken by the guest, its line is seen again when the board's comes again. That of a
 * linked one that is neither pending nor active was deactivated by the guest's own doing; one that `ended` unlinked is ours to deactivate.
 */
function foldTimer(vcpu: Vcpu, value: u64, ended: bool): void {
  const state = value & (LR_PENDING | LR_ACTIVE);
  if (state != LR_PENDING) vcpu.irqs.level &= ~((1 as u32) << VTIMER_INTID);
  if ((value & LR_HW) == 0) {
    if (ended) releaseTimer(vcpu);
  } else if (state == 0) {
    vcpu.timerHeld = 0;
  }
}

/**
 * Ends as many active interrupts as the guest has ended while no list register held them: the most urgent first. Where list registers held all, so that
 * nobody was to be told of an end, it has ended nothing: what has been made active since goes on.
 */
function endUnlisted(vcpu: Vcpu): void {
  const hcr = sysreg.readIchHcrEl2();
  if ((hcr & LRENPIE) == 0) return;
  for (let count = hcr >> EOI_COUNT_SHIFT; count != 0; count--) {
    let best: u32 = 0x100;
    let bestWord = vcpu.irqs;
    let bestBit: u32 = 0;
    for (let index: u32 = 0; index < WORDS; index++) {
      const word = wordOf(vcpu, index);
      for (let active = word.active & ~word.listed; active != 0; active &= active - 1) {
        const bit = ctz<u32>(active);
        if (priorityOf(word, bit) >= best || (index != 0 && ownerOf(word, bit) != vcpu.id)) continue;
        best = priorityOf(word, bit);
        bestWord = word;
        bestBit = bit;
      }
    }
    if (best == 0x100) return;
    deactivate(vcpu, bestWord, (1 as u32) << bestBit);
    passOn(vcpu, bestWord, bestBit);
  }
}

/**
 * The virtual timer's interrupt is linked to the board's, which is active since it came. A guest that has set its timer anew meanwhile gets no
 * interrupt for the old time, and the board's may come again.
 */
function settleTimer(vcpu: Vcpu): void {
  const word = vcpu.irqs;
  const bit = (1 as u32) << VTIMER_INTID;
  if (((word.level & bit) | vcpu.timerHeld) == 0 || (word.active & bit) != 0) return;
  if ((word.level & bit) != 0 && el2.virtualTimerFires()) return;
  word.level &= ~bit;
  releaseTimer(vcpu);
}

/** Puts an interrupt into list register `n`; returns whether it is pending there. */
function list(vcpu: Vcpu, n: u32, intid: u32, word: IrqWord): bool {
  const bit = intid & 31;
  const mask = (1 as u32) << bit;
  const signalled = (signalledOf(vcpu.vm, word) & mask) != 0;
  // While it is active here, it may have another target.
  const pending = signalled && (intid < 32 || targetOf(word, bit) == vcpu.id);
  const active = (word.active & mask) != 0;
  let value = (intid as u64) | ((priorityOf(word, bit) as u64) << LR_PRIORITY_SHIFT);
  if ((word.group & mask) != 0) value |= LR_GROUP1;
  if (active) value |= LR_ACTIVE;
  if (pending) value |= LR_PENDING;
  if (intid == VTIMER_INTID && vcpu.timerHeld != 0 && active != pending) {
    // Linked: the guest's end of it is the board's. A linked one is active or pending, not both (ICH_LR<n>_EL2.State).
    value |= LR_HW | ((load<u32>(timerIntid) as u64) << LR_PINTID_SHIFT);
  } else if ((word.level & ~word.edge & mask) != 0 || (signalled && !pending) || (intid == VTIMER_INTID && vcpu.timerHeld != 0)) {
    // Its end is to be told: a line that is still high makes it pending again, another target gets it, a board's interrupt that is held is let go.
    value |= LR_EOI;
  }
  setHolder(word, bit, vcpu.id);
  word.listed |= mask;
  // What is not pending there stays in the word.
  const latch = pending ? word.latch & mask : 0;
  word.listedLatch = (word.listedLatch & ~mask) | latch;
  word.latch &= ~latch;
  vcpu.listed |= (1 as u32) << n;
  store<u8>(changetype<usize>(vcpu) + n, intid, offsetof<Vcpu>("lrIntid0"));
  lr.write(n, value);
  return pending;
}

/**
 * The INTID that a list register should hold next, of those that `wanted` says: by priority; at the same priority what is active comes first, then by number.
 * NONE: there is none.
 */
function mostUrgent(vcpu: Vcpu, groups: u32, active: bool): u32 {
  let best: u32 = 0x400;
  let intid = NONE;
  for (let index: u32 = 0; index < WORDS; index++) {
    const word = wordOf(vcpu, index);
    for (let bits = wanted(vcpu, word, groups, active); bits != 0; bits &= bits - 1) {
      const bit = ctz<u32>(bits);
      if (index != 0 && ownerOf(word, bit) != vcpu.id) continue;
      const rank = (priorityOf(word, bit) << 1) | (((word.active >> bit) & 1) != 0 ? 0 : 1);
      if (rank >= best) continue;
      best = rank;
      intid = (index << 5) | bit;
    }
  }
  return intid;
}

/** Bits of a word's interrupts that are pending or active, whether they are let through or not. */
function touched(word: IrqWord): u32 {
  return word.active | word.latch | word.level;
}

/** Whether none of a vCPU's interrupts is pending or active, as it is nearly always. */
function isQuiet(vcpu: Vcpu): bool {
  let bits = touched(vcpu.irqs);
  for (let index: u32 = 1; index < WORDS; index++) bits |= touched(sharedWord(vcpu.vm, index));
  return bits == 0;
}

/** Fills the list registers, which are empty. What finds no place is asked for by maintenance. */
export function refill(vcpu: Vcpu): void {
  vcpu.interruptPending = 0;
  if (vcpu.timerHeld != 0 || !isQuiet(vcpu)) fill(vcpu);
}

/**
 * What is active, and what is pending of the groups that the guest's interface lets through, comes before what that holds back. The last list register is kept
 * for one that may be taken: active ones, which the guest may have made so itself, could hold all.
 */
function fill(vcpu: Vcpu): void {
  settleTimer(vcpu);
  const groups = (sysreg.readIchVmcrEl2() as u32) & BOTH_GROUPS;
  const last = lr.count() - 1;
  let takable = false;
  let n: u32 = 0;
  let intid = mostUrgent(vcpu, groups, true);
  for (; intid != NONE && n <= last; n++) {
    if (n == last && !takable) {
      const fresh = mostUrgent(vcpu, groups, false);
      if (fresh != NONE) intid = fresh;
    }
    const word = wordOf(vcpu, intid >> 5);
    if (list(vcpu, n, intid, word)) {
      vcpu.interruptPending = 1;
      if (((word.active >> (intid & 31)) & 1) == 0) takable = true;
    }
    intid = mostUrgent(vcpu, groups, true);
  }
  if (intid == NONE) intid = mostUrgent(vcpu, BOTH_GROUPS, false);
  for (; intid != NONE && n <= last; n++) {
    if (list(vcpu, n, intid, wordOf(vcpu, intid >> 5))) vcpu.interruptPending = 1;
    intid = mostUrgent(vcpu, BOTH_GROUPS, false);
  }
  if (intid != NONE) askForMore(vcpu, groups);
}

/** What has found no place: told when most are free, when none is pending and the next may be taken, and when a group is let through, or no more. */
function askForMore(vcpu: Vcpu, groups: u32): void {
  const next: u64 = mostUrgent(vcpu, groups, false) != NONE ? NPIE : 0;
  const changes = ((groups & 1) != 0 ? VGRP0DIE : VGRP0EIE) | ((groups & 2) != 0 ? VGRP1DIE : VGRP1EIE);
  sysreg.writeIchHcrEl2(((ICH_HCR_EN | ICH_HCR_UIE) as u64) | LRENPIE | next | changes);
}

/** Whether this CPU has a vCPU loaded: it has the registers of one that it chose, or works for, only then. */
export function isHere(vcpu: Vcpu): bool {
  return cpus.self().loaded == vcpu;
}

/** Ends active interrupts that no list register holds; the virtual timer's ends on the board as well. */
export function deactivate(vcpu: Vcpu, word: IrqWord, bits: u32): void {
  const timer = (1 as u32) << VTIMER_INTID;
  if (word == vcpu.irqs && (word.active & bits & timer) != 0 && isHere(vcpu)) releaseTimer(vcpu);
  word.active &= ~bits;
}

/** Has every list register that holds something of a vCPU folded, on whichever CPU. The VM's lock is held; `look` follows. */
export function foldOf(vcpu: Vcpu): void {
  if (isHere(vcpu)) {
    fold(vcpu);
    return;
  }
  if (vcpu.listed == 0) return;
  // It cannot leave its CPU without the VM's lock.
  const other = cpus.at(vcpu.loadedOn - 1);
  const wanted = changetype<usize>(other) + offsetof<Cpu>("foldWanted");
  atomic.store32(wanted, 1);
  cpus.request(other, Request.LOOK);
  while (atomic.load32(wanted) != 0) {
    cpu.relax();
    serveFold();
  }
}

/**
 * Folds for a CPU that waits for it; that one holds the lock of the VM. The list registers are refilled when this CPU has been asked again, by itself, and
 * has the lock. Returns whether somebody has waited.
 */
export function serveFold(): bool {
  const self = cpus.self();
  const wanted = changetype<usize>(self) + offsetof<Cpu>("foldWanted");
  if (atomic.load32(wanted) == 0) return false;
  fold(self.loaded);
  // Until they are, no end is lost.
  sysreg.writeIchHcrEl2((ICH_HCR_EN as u64) | LRENPIE);
  atomic.store32(wanted, 0);
  cpus.requestAgain(Request.LOOK);
  return true;
}

/** The timer of a vCPU has been loaded: where it fires, the board's interrupt is made active at once, as if it had come. */
export function loadTimer(vcpu: Vcpu): void {
  if (!el2.loadedTimerFires(vcpu.cntvCtlEl0)) return;
  const timer = (1 as u32) << VTIMER_INTID;
  gicv3.activatePrivate(load<u32>(timerIntid));
  vcpu.timerHeld = 1;
  if ((vcpu.irqs.active & timer) == 0) vcpu.irqs.level |= timer;
}
