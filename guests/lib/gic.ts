// A guest's GICv3 (Arm IHI 0069): distributor, the redistributor of its first CPU, and the CPU interface.

import {
  GICD_CTLR,
  GICD_CTLR_ARE_NS,
  GICD_CTLR_ENABLE_G1,
  GICD_CTLR_RWP,
  GICD_ICACTIVER,
  GICD_ICENABLER,
  GICD_ICPENDR,
  GICD_IGROUPR,
  GICD_IPRIORITYR,
  GICD_ISENABLER,
  GICR_CTLR,
  GICR_CTLR_RWP,
  GICR_SGI_FRAME,
  GICR_WAKER,
  GICR_WAKER_CHILDREN_ASLEEP,
  GICR_WAKER_PROCESSOR_SLEEP,
} from "../../build/gen/gic";
import { GICD_BASE, GICR_BASE, INTIDS } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as access from "./hal/access";
import * as cpu from "./hal/cpu";

/** Of every interrupt that is let through. */
export const PRIORITY: u32 = 0xa0;

/** Everything up, all private interrupts in group 1 and off. Interrupts stay masked at the CPU. */
export function init(): void {
  access.write32(GICD_BASE + GICD_CTLR, GICD_CTLR_ARE_NS | GICD_CTLR_ENABLE_G1);
  while ((access.read32(GICD_BASE + GICD_CTLR) & GICD_CTLR_RWP) != 0) {}
  access.write32(GICR_BASE + GICR_WAKER, access.read32(GICR_BASE + GICR_WAKER) & ~GICR_WAKER_PROCESSOR_SLEEP);
  while ((access.read32(GICR_BASE + GICR_WAKER) & GICR_WAKER_CHILDREN_ASLEEP) != 0) {}
  access.write32(GICR_BASE + GICR_SGI_FRAME + GICD_ICENABLER, 0xffffffff);
  while ((access.read32(GICR_BASE + GICR_CTLR) & GICR_CTLR_RWP) != 0) {}
  access.write32(GICR_BASE + GICR_SGI_FRAME + GICD_IGROUPR, 0xffffffff);
  sysreg.writeIccSreEl1(1);
  cpu.isb();
  sysreg.writeIccPmrEl1(0xff);
  sysreg.writeIccBpr1El1(0);
  sysreg.writeIccIgrpen1El1(1);
  cpu.isb();
}

/** Takes back what was written anywhere: nothing enabled, pending or active, whoever uses an interrupt sets the rest. */
export function reset(): void {
  access.write32(GICD_BASE + GICD_CTLR, 0);
  for (let word: u32 = 0; word < INTIDS / 32; word++) {
    const frame = word == 0 ? GICR_BASE + GICR_SGI_FRAME : GICD_BASE + word * 4;
    access.write32(frame + GICD_ICENABLER, 0xffffffff);
    access.write32(frame + GICD_ICPENDR, 0xffffffff);
    access.write32(frame + GICD_ICACTIVER, 0xffffffff);
  }
}

/** Lets an SGI or PPI through. */
export function enable(intid: u32): void {
  access.write8(GICR_BASE + GICR_SGI_FRAME + GICD_IPRIORITYR + intid, PRIORITY);
  access.write32(GICR_BASE + GICR_SGI_FRAME + GICD_ISENABLER, (1 as u32) << intid);
}

export function disable(intid: u32): void {
  access.write32(GICR_BASE + GICR_SGI_FRAME + GICD_ICENABLER, (1 as u32) << intid);
}

/** The most urgent pending interrupt, which becomes active; 1020 and above: none. */
export function acknowledge(): u32 {
  return sysreg.readIccIar1El1() as u32;
}

/** Ends an active interrupt. */
export function end(intid: u32): void {
  sysreg.writeIccEoir1El1(intid);
}

/** Sends an SGI to the CPU of affinity 0, which is this one. */
export function sendToSelf(intid: u32): void {
  sysreg.writeIccSgi1rEl1(((intid as u64) << 24) | 1);
  cpu.isb();
}
