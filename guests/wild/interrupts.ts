// Interrupts and timers at their limits: what is due comes, once, and nothing else does.

import { CNT_CTL_ENABLE, CNT_CTL_IMASK, CNT_CTL_ISTATUS } from "../../build/gen/controls";
import { PTIMER_INTID, VTIMER_INTID } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as gic from "../lib/gic";
import * as cpu from "../lib/hal/cpu";
import * as check from "./check";
import { mrs, msr, WFE } from "../lib/encodings";

const SGI: u32 = 5;
const NEVER: u64 = 0xffffffffffffffff;
/** A hundred years and more. The virtual timer cannot be asked for the maximum here: QEMU (7.2) adds CNTVOFF_EL2 to it, and hangs in a past deadline. */
const FAR: u64 = (1 as u64) << 62;

/** How often each of the first 32 interrupts has come. */
const came: usize = memory.data(128, 4);

/** From the exception: takes one interrupt. */
export function take(): void {
  const intid = gic.acknowledge();
  if (intid >= 32) return;
  store<u32>(came + (intid << 2), load<u32>(came + (intid << 2)) + 1);
  if (intid == VTIMER_INTID) sysreg.writeCntvCtlEl0(0);
  if (intid == PTIMER_INTID) sysreg.writeCntpCtlEl0(0);
  cpu.isb();
  gic.end(intid);
}

function count(intid: u32): u32 {
  return load<u32>(came + (intid << 2));
}
function all(): u32 {
  let sum: u32 = 0;
  for (let n: u32 = 0; n < 32; n++) sum += count(n);
  return sum;
}
function clear(): void {
  check.begin();
  memory.fill(came, 0, 128);
}

/** Lets what is pending in, for so many microseconds. */
function admit(microseconds: u64): void {
  const until = cpu.count() + (sysreg.readCntfrqEl0() * microseconds) / 1000000;
  cpu.unmask();
  while (cpu.count() < until) cpu.relax();
  cpu.mask();
}

function sgis(): void {
  clear();
  for (let n: u32 = 0; n < 16; n++) gic.enable(n);
  for (let n: u32 = 0; n < 16; n++) gic.sendToSelf(n);
  admit(100);
  let once = true;
  for (let n: u32 = 0; n < 16; n++) once = once && count(n) == 1;
  check.value("all-16-sgis-once", (u64(once) << 8) | all(), 0x110);

  clear();
  for (let n: u32 = 0; n < 1000; n++) gic.sendToSelf(SGI);
  admit(100);
  check.value("sgi-storm-while-masked", all(), 1);

  clear();
  cpu.unmask();
  for (let n: u32 = 0; n < 1000; n++) {
    gic.sendToSelf(SGI);
    cpu.isb();
  }
  admit(100);
  check.value("sgi-storm-while-open", all(), 1000);

  clear();
  // To all others; to those not there; to other clusters, with a range and reserved bits.
  sysreg.writeIccSgi1rEl1(((1 as u64) << 40) | (SGI << 24));
  sysreg.writeIccSgi1rEl1((SGI << 24) | 0xfffe);
  sysreg.writeIccSgi1rEl1((SGI << 24) | (1 << 16) | 1);
  sysreg.writeIccSgi1rEl1(((1 as u64) << 32) | (SGI << 24) | 1);
  sysreg.writeIccSgi1rEl1(((1 as u64) << 48) | (SGI << 24) | 1);
  sysreg.writeIccSgi1rEl1(((15 as u64) << 44) | (SGI << 24) | 0xffff);
  admit(100);
  check.value("sgis-to-nobody", all(), 0);

  clear();
  gic.disable(SGI);
  gic.sendToSelf(SGI);
  admit(100);
  check.value("sgi-while-disabled", all(), 0);
  gic.enable(SGI);
  admit(100);
  check.value("sgi-enabled-while-pending", count(SGI), 1);

  clear();
  // Of group 0, which the SGI is not.
  check.run(msr(3, 0, 12, 11, 7), (SGI << 24) | 1, 0);
  admit(100);
  check.value("sgi-of-the-wrong-group", all(), 0);
}

function virtualTimer(): void {
  gic.enable(VTIMER_INTID);
  clear();
  sysreg.writeCntvCvalEl0(0);
  sysreg.writeCntvCtlEl0(CNT_CTL_ENABLE);
  admit(200);
  check.value("vtimer-in-the-past", all(), 1);
  clear();
  sysreg.writeCntvCvalEl0(FAR);
  sysreg.writeCntvCtlEl0(CNT_CTL_ENABLE);
  admit(500);
  check.value("vtimer-far-ahead", all(), 0);
  clear();
  sysreg.writeCntvCtlEl0(CNT_CTL_ENABLE | CNT_CTL_IMASK);
  sysreg.writeCntvCvalEl0(0);
  admit(200);
  check.value("vtimer-masked", all(), 0);
  check.value("vtimer-masked-status", sysreg.readCntvCtlEl0(), CNT_CTL_ENABLE | CNT_CTL_IMASK | CNT_CTL_ISTATUS);
  sysreg.writeCntvCtlEl0(0);
}

function physicalTimer(): void {
  gic.enable(PTIMER_INTID);
  clear();
  sysreg.writeCntpCvalEl0(0);
  sysreg.writeCntpCtlEl0(CNT_CTL_ENABLE);
  admit(200);
  check.value("ptimer-in-the-past", all(), 1);
  clear();
  sysreg.writeCntpCvalEl0(NEVER);
  sysreg.writeCntpCtlEl0(CNT_CTL_ENABLE);
  admit(500);
  check.value("ptimer-at-the-maximum", all(), 0);
  clear();
  sysreg.writeCntpTvalEl0(0xffffff00);
  sysreg.writeCntpCtlEl0(CNT_CTL_ENABLE);
  admit(200);
  check.value("ptimer-negative-distance", all(), 1);
  clear();
  sysreg.writeCntpCvalEl0(0);
  sysreg.writeCntpCtlEl0(CNT_CTL_ENABLE | CNT_CTL_IMASK);
  admit(200);
  check.value("ptimer-masked", all(), 0);
  check.value("ptimer-masked-status", sysreg.readCntpCtlEl0(), CNT_CTL_ENABLE | CNT_CTL_IMASK | CNT_CTL_ISTATUS);
  sysreg.writeCntpCtlEl0(0);
  const before = cpu.count();
  const physical = check.run(mrs(3, 3, 14, 0, 1), 0, 0);
  check.between("one-count-for-both", physical, before, cpu.count());
}

/** WFI ends for an interrupt that is pending, masked or not. */
function waiting(): void {
  clear();
  gic.sendToSelf(SGI);
  cpu.wfi();
  check.value("wfi-with-masked-sgi", all(), 0);
  admit(100);
  check.value("wfi-sgi-comes-after", all(), 1);

  clear();
  const start = cpu.count();
  const millisecond = sysreg.readCntfrqEl0() / 1000;
  sysreg.writeCntpCvalEl0(start + millisecond);
  sysreg.writeCntpCtlEl0(CNT_CTL_ENABLE);
  cpu.wfi();
  check.value("wfi-with-masked-ptimer", all(), 0);
  check.between("wfi-lasts-until-the-timer", cpu.count() - start, millisecond, sysreg.readCntfrqEl0());
  admit(200);
  check.value("wfi-ptimer-comes-after", all(), 1);

  clear();
  for (let n: u32 = 0; n < 1000; n++) {
    gic.sendToSelf(SGI);
    cpu.wfi();
    check.run(WFE, 0, 0);
    cpu.relax();
  }
  admit(100);
  check.value("wait-storm", all(), 1);
}

export function cases(): void {
  cpu.mask();
  sgis();
  virtualTimer();
  physicalTimer();
  waiting();
}
