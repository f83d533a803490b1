// The registers of the virtual GICv3: distributor (IHI 0069, 12.9) and redistributors (12.11), any width. A word of 32 bits is the unit; a narrower
// access reads or writes its bytes alone. What is not implemented reads as zero and ignores writes.

import {
  GICD_CTLR,
  GICD_CTLR_ARE_NS,
  GICD_CTLR_DS,
  GICD_ICACTIVER,
  GICD_ICENABLER,
  GICD_ICFGR,
  GICD_ICPENDR,
  GICD_IGROUPR,
  GICD_IGRPMODR,
  GICD_IIDR,
  GICD_IPRIORITYR,
  GICD_IROUTER,
  GICD_ISACTIVER,
  GICD_ISENABLER,
  GICD_ISPENDR,
  GICD_ITARGETSR,
  GICD_PIDR2,
  GICD_TYPER,
  GICR_IIDR,
  GICR_PIDR2,
  GICR_SGI_FRAME,
  GICR_TYPER,
  GICR_TYPER_LAST,
  GICR_WAKER,
  GICR_WAKER_CHILDREN_ASLEEP,
  GICR_WAKER_PROCESSOR_SLEEP,
  GIC_PIDR2_V3,
} from "../../build/gen/gic";
import { INTIDS } from "../../build/gen/guest";
import * as atomic from "../hal/atomic";
import * as cpus from "../sched/cpus";
import { IrqWord, Vcpu, Vm } from "../vm/records";
import * as table from "../vm/table";
import * as guard from "./guard";
import * as vgic from "./vgic";
import * as lists from "./vgic-lists";

/** JEP106 0x3b (Arm) in bits 11-0: who designed the programmer's model. */
const IIDR: u32 = 0x43b;
/** ITLinesNumber; IDbits 9: INTIDs of 10 bits; A3V; No1N. */
const TYPER: u32 = ((INTIDS >> 5) - 1) | (9 << 19) | (1 << 24) | (1 << 25);
/** Five bits of priority, as most CPU interfaces have. */
const PRIORITY_BITS: u32 = 0xf8f8f8f8;
/** IROUTER: Aff3 and Aff2 to Aff0, and IRM (any CPU), which TYPER.No1N makes RES0. */
const AFFINITY: u64 = 0xff00ffffff;

/** Bits of a value of up to four bytes. */
function lowBits(bytes: u32): u64 {
  return ((1 as u64) << (bytes << 3)) - 1;
}

/** Bits 2n+1 of a configuration word of 16 interrupts, from bits n. */
function spread(bits: u32): u32 {
  let result: u32 = 0;
  for (let n: u32 = 0; n < 16; n++) result |= ((bits >> n) & 1) << (2 * n + 1);
  return result;
}
function gather(word: u32): u32 {
  let result: u32 = 0;
  for (let n: u32 = 0; n < 16; n++) result |= ((word >> (2 * n + 1)) & 1) << n;
  return result;
}

/** Brings the truth about some interrupts of a word into it, from inbox and list registers, wherever they are. The VM's lock is held; `relist` follows. */
function unlist(vcpu: Vcpu, word: IrqWord, bits: u32): void {
  if (word == vcpu.irqs) {
    lists.foldOf(vcpu);
    vgic.collect(vcpu);
    return;
  }
  for (let listed = word.listed & bits; listed != 0; listed = word.listed & bits) {
    lists.foldOf(table.vcpu(vcpu.vm, lists.holderOf(word, ctz<u32>(listed))));
  }
}

/** Has list registers refilled after some interrupts of a word may have changed: of those that they go to, and what was folded here. */
function relist(vcpu: Vcpu, word: IrqWord, bits: u32): void {
  if (word == vcpu.irqs) {
    vgic.look(vcpu);
    return;
  }
  vgic.lookShared(vcpu.vm, word, bits);
  const own = cpus.self().loaded;
  if (own.listed == 0) vgic.look(own);
}

/** The pending or active bits of a word, which list registers may hold. */
function readState(vcpu: Vcpu, word: IrqWord, pending: bool): u32 {
  guard.enter(vcpu.vm);
  const listed = word.listed;
  unlist(vcpu, word, listed);
  const result = pending ? lists.pendingOf(word) : word.active;
  if (listed != 0 || word == vcpu.irqs) relist(vcpu, word, listed);
  guard.leave(vcpu.vm);
  return result;
}

/** A field of 32 bits that is read without the VM's lock, at `offset` of its record. */
function shared(word: IrqWord, offset: usize): u32 {
  return atomic.load32(changetype<usize>(word) + offset);
}
/** Writes it; the VM's lock is held. */
function share(word: IrqWord, offset: usize, value: u32): void {
  atomic.store32(changetype<usize>(word) + offset, value);
}

/** A word of the banks that distributor and SGI frame share; `first` and `words`: the interrupts that are here. */
function readBank(vcpu: Vcpu, offset: u32, first: u32, words: u32): u32 {
  if (offset < GICD_IPRIORITYR) {
    const index = (offset & 0x7f) >> 2;
    if (index < first || index >= words) return 0;
    const word = lists.wordOf(vcpu, index);
    switch (offset & ~(0x7f as u32)) {
      case GICD_IGROUPR:
        return shared(word, offsetof<IrqWord>("group"));
      case GICD_ISENABLER:
      case GICD_ICENABLER:
        return shared(word, offsetof<IrqWord>("enabled"));
      case GICD_ISPENDR:
      case GICD_ICPENDR:
      case GICD_ISACTIVER:
      case GICD_ICACTIVER:
        return readState(vcpu, word, offset < GICD_ISACTIVER);
      default:
        return 0;
    }
  }
  if (offset < GICD_ITARGETSR) {
    const intid = offset - GICD_IPRIORITYR;
    const index = intid >> 5;
    if (index < first || index >= words) return 0;
    return shared(lists.wordOf(vcpu, index), offsetof<IrqWord>("priority0") + (intid & 28));
  }
  if (offset >= GICD_ICFGR && offset < GICD_IGRPMODR) {
    const half = (offset - GICD_ICFGR) >> 2;
    const index = half >> 1;
    if (index < first || index >= words) return 0;
    return spread(shared(lists.wordOf(vcpu, index), offsetof<IrqWord>("edge")) >> ((half & 1) << 4));
  }
  return 0;
}

/** Changes one of the fields of one bit; `value` is zero outside of `mask`. */
function writeBits(vcpu: Vcpu, word: IrqWord, field: u32, value: u32, mask: u32): void {
  switch (field) {
    case GICD_IGROUPR:
      share(word, offsetof<IrqWord>("group"), (word.group & ~mask) | value);
      break;
    case GICD_ISENABLER:
      share(word, offsetof<IrqWord>("enabled"), word.enabled | value);
      break;
    case GICD_ICENABLER:
      share(word, offsetof<IrqWord>("enabled"), word.enabled & ~value);
      break;
    case GICD_ISPENDR:
      word.latch |= value;
      break;
    case GICD_ICPENDR:
      word.latch &= ~value;
      break;
    case GICD_ISACTIVER:
      vgic.activate(word, value);
      break;
    case GICD_ICACTIVER:
      lists.deactivate(vcpu, word, value);
      break;
    default:
      break;
  }
}

/** Writes those bytes of a word that `mask` has; `value` is zero elsewhere. */
function writeBank(vcpu: Vcpu, offset: u32, value: u32, mask: u32, first: u32, words: u32): void {
  let index: u32;
  let bits: u32;
  if (offset < GICD_IPRIORITYR) {
    index = (offset & 0x7f) >> 2;
    bits = (offset & ~(0x7f as u32)) == GICD_IGROUPR ? mask : value;
  } else if (offset < GICD_ITARGETSR) {
    index = (offset - GICD_IPRIORITYR) >> 5;
    bits = (0xf as u32) << (offset & 28);
  } else if (offset >= GICD_ICFGR && offset < GICD_IGRPMODR) {
    // SGIs are edges for good, PPIs levels: their sources are timers (whether a PPI's field can be written is up to us: IHI 0069, GICR_ICFGR1).
    index = (offset - GICD_ICFGR) >> 3;
    if (index == 0) return;
    bits = (0xffff as u32) << (((offset >> 2) & 1) << 4);
  } else {
    return;
  }
  if (index < first || index >= words) return;
  const word = lists.wordOf(vcpu, index);
  unlist(vcpu, word, bits);
  if (offset < GICD_IPRIORITYR) {
    writeBits(vcpu, word, offset & ~(0x7f as u32), value, mask);
  } else if (offset < GICD_ITARGETSR) {
    const at = offsetof<IrqWord>("priority0") + (offset & 28);
    share(word, at, (shared(word, at) & ~mask) | (value & PRIORITY_BITS));
  } else {
    const shift = ((offset >> 2) & 1) << 4;
    share(word, offsetof<IrqWord>("edge"), (word.edge & ~(gather(mask) << shift)) | (gather(value) << shift));
  }
  relist(vcpu, word, bits);
}

/** GICD_IROUTER<n> as two words; those of the private interrupts are reserved. */
function route(vm: Vm, offset: u32): usize {
  const intid = (offset - GICD_IROUTER) >> 3;
  return intid >= 32 && intid < INTIDS ? vm.routes + ((intid - 32) << 3) : 0;
}

/** The vCPU that an interrupt goes to follows from its route; a route to nobody leaves it pending. */
function retarget(vcpu: Vcpu, intid: u32, affinity: u64): void {
  const word = lists.wordOf(vcpu, intid >> 5);
  const bit = (1 as u32) << (intid & 31);
  const target = affinity < vcpu.vm.vcpus ? (affinity as u32) : lists.NO_TARGET;
  unlist(vcpu, word, bit);
  store<u8>(changetype<usize>(word) + (intid & 31), target, offsetof<IrqWord>("target0"));
  relist(vcpu, word, bit);
}

/** GICD_CTLR: what is let through changes for every vCPU. */
function enableGroups(vm: Vm, groups: u32): void {
  atomic.store32(changetype<usize>(vm) + offsetof<Vm>("gicEnable"), groups);
  for (let n: u32 = 0; n < vm.vcpus; n++) vgic.look(table.vcpu(vm, n));
}

function readDistributorWord(vcpu: Vcpu, offset: u32): u32 {
  switch (offset) {
    case GICD_CTLR:
      return atomic.load32(changetype<usize>(vcpu.vm) + offsetof<Vm>("gicEnable")) | GICD_CTLR_ARE_NS | GICD_CTLR_DS;
    case GICD_TYPER:
      return TYPER;
    case GICD_IIDR:
      return IIDR;
    case GICD_PIDR2:
      return GIC_PIDR2_V3;
    default:
      break;
  }
  if (offset >= GICD_IROUTER) {
    const at = route(vcpu.vm, offset);
    return at == 0 ? 0 : atomic.load32(at + (offset & 4));
  }
  return readBank(vcpu, offset, 1, lists.WORDS);
}

function writeDistributorWord(vcpu: Vcpu, offset: u32, value: u32, mask: u32): void {
  if (offset == GICD_CTLR) {
    enableGroups(vcpu.vm, ((vcpu.vm.gicEnable & ~mask) | value) & 3);
  } else if (offset >= GICD_IROUTER) {
    const at = route(vcpu.vm, offset);
    if (at == 0) return;
    const half = at + (offset & 4);
    const fields = (AFFINITY >> ((offset & 4) << 3)) as u32;
    atomic.store32(half, ((load<u32>(half) & ~mask) | value) & fields);
    retarget(vcpu, (offset - GICD_IROUTER) >> 3, load<u64>(at));
  } else {
    writeBank(vcpu, offset, value, mask, 1, lists.WORDS);
  }
}

/** The frames of one redistributor; `vcpu` is the one it belongs to. */
function readRedistributorWord(vcpu: Vcpu, offset: u32): u32 {
  if (offset >= GICR_SGI_FRAME) return readBank(vcpu, offset - GICR_SGI_FRAME, 0, 1);
  const last = vcpu.id + 1 == vcpu.vm.vcpus;
  switch (offset) {
    case GICR_IIDR:
      return IIDR;
    case GICR_TYPER:
      return (vcpu.id << 8) | (last ? GICR_TYPER_LAST : 0);
    case GICR_TYPER + 4:
      return vcpu.mpidr as u32 & 0xffffff;
    case GICR_WAKER:
      return atomic.load32(changetype<usize>(vcpu) + offsetof<Vcpu>("asleep")) != 0
        ? GICR_WAKER_PROCESSOR_SLEEP | GICR_WAKER_CHILDREN_ASLEEP
        : 0;
    case GICR_PIDR2:
      return GIC_PIDR2_V3;
    default:
      return 0;
  }
}

function writeRedistributorWord(vcpu: Vcpu, offset: u32, value: u32, mask: u32): void {
  if (offset >= GICR_SGI_FRAME) writeBank(vcpu, offset - GICR_SGI_FRAME, value, mask, 0, 1);
  else if (offset == GICR_WAKER && (mask & GICR_WAKER_PROCESSOR_SLEEP) != 0)
    atomic.store32(changetype<usize>(vcpu) + offsetof<Vcpu>("asleep"), u32((value & GICR_WAKER_PROCESSOR_SLEEP) != 0));
}

function readWord(vcpu: Vcpu, redistributor: bool, offset: u32): u32 {
  return redistributor ? readRedistributorWord(vcpu, offset) : readDistributorWord(vcpu, offset);
}

function writeWord(vcpu: Vcpu, redistributor: bool, offset: u32, value: u32, mask: u32): void {
  if (redistributor) writeRedistributorWord(vcpu, offset, value, mask);
  else writeDistributorWord(vcpu, offset, value, mask);
}

/**
 * Reads 1, 2, 4 or 8 bytes of the distributor, or of the redistributor of a vCPU. The offset is a multiple of them. Words are read one by one, as
 * they are at that moment; only those that list registers may hold take the VM's lock.
 */
export function read(vcpu: Vcpu, redistributor: bool, offset: u32, bytes: u32): u64 {
  if (bytes == 4) return readWord(vcpu, redistributor, offset);
  if (bytes == 8) {
    return (readWord(vcpu, redistributor, offset) as u64) | ((readWord(vcpu, redistributor, offset + 4) as u64) << 32);
  }
  return ((readWord(vcpu, redistributor, offset & ~(3 as u32)) as u64) >> ((offset & 3) << 3)) & lowBits(bytes);
}

/** Writes likewise, under the VM's lock. */
export function write(vcpu: Vcpu, redistributor: bool, offset: u32, bytes: u32, value: u64): void {
  guard.enter(vcpu.vm);
  if (bytes == 8) {
    writeWord(vcpu, redistributor, offset, value as u32, 0xffffffff);
    writeWord(vcpu, redistributor, offset + 4, (value >> 32) as u32, 0xffffffff);
  } else {
    const shift = (offset & 3) << 3;
    const mask = lowBits(bytes);
    writeWord(vcpu, redistributor, offset & ~(3 as u32), ((value & mask) as u32) << shift, (mask as u32) << shift);
  }
  guard.leave(vcpu.vm);
}
