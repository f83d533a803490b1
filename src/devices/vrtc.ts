// The virtual real-time clock: a PL031 (Arm DDI 0224), seconds since 1970 by the board's clock and the VM's count.

import { RTC_SPI } from "../../build/gen/guest";
import {
  PL031_ID,
  RTC_CR,
  RTC_DR,
  RTC_ICR,
  RTC_IMSC,
  RTC_LR,
  RTC_MIS,
  RTC_MR,
  RTC_PERIPH_ID,
  RTC_RIS,
} from "../../build/gen/pl031";
import * as timer from "../drivers/timer";
import * as sysreg from "../hal/sysreg";
import { Rtc, Vm } from "../vm/records";
import * as vgic from "./vgic";

const INTID: u32 = 32 + RTC_SPI;

/** Counts since the clock showed `base` and nothing of the next second had passed. */
function counts(vm: Vm): u64 {
  return timer.now() - vm.countOffset + vm.rtc.fraction;
}

function elapsed(vm: Vm): u64 {
  const frequency = sysreg.readCntfrqEl0();
  return frequency == 0 ? 0 : counts(vm) / frequency;
}

/** Seconds since 1970 as the VM sees it. */
export function now(vm: Vm): u32 {
  return vm.rtc.base + (elapsed(vm) as u32);
}

/** The board's count at which the clock matches, if an interrupt waits for that. */
export function deadline(vm: Vm): u64 {
  const rtc = vm.rtc;
  const frequency = sysreg.readCntfrqEl0();
  // Without a frequency the clock stands still.
  if (rtc.armed == 0 || frequency == 0) return timer.NEVER;
  return vm.countOffset + ((rtc.match - rtc.base) as u64) * frequency - rtc.fraction;
}

/** Sets the line after a register has changed or the deadline has come. The VM's lock is held, as for all that follows. */
export function update(vm: Vm): void {
  const rtc = vm.rtc;
  if (rtc.armed != 0 && ((now(vm) - rtc.match) as i32) >= 0) {
    rtc.armed = 0;
    rtc.raw = 1;
  }
  vgic.setSharedLine(vm, INTID, (rtc.raw & rtc.mask) != 0);
}

export function read(vm: Vm, offset: u32): u32 {
  const rtc = vm.rtc;
  switch (offset) {
    case RTC_DR:
      return now(vm);
    case RTC_MR:
      return rtc.match;
    case RTC_LR:
      return rtc.load;
    case RTC_CR:
      return 1;
    case RTC_IMSC:
      return rtc.mask;
    case RTC_RIS:
      return rtc.raw;
    case RTC_MIS:
      return rtc.raw & rtc.mask;
    default:
      break;
  }
  return offset < RTC_PERIPH_ID ? 0 : (((PL031_ID >> (((offset - RTC_PERIPH_ID) as u64) << 1)) & 0xff) as u32);
}

/** The caller has line and deadline updated afterwards (vtimer.updateClock). */
export function write(vm: Vm, offset: u32, value: u32): void {
  const rtc = vm.rtc;
  switch (offset) {
    case RTC_MR:
      rtc.match = value;
      rtc.armed = 1;
      break;
    case RTC_LR:
      rtc.load = value;
      rtc.base = value - (elapsed(vm) as u32);
      break;
    case RTC_IMSC:
      rtc.mask = value & 1;
      break;
    case RTC_ICR:
      rtc.raw &= ~value;
      break;
    default:
      break;
  }
}

/** As at power-on, showing `base` seconds at count zero, with `fraction` counts of the next one gone. */
export function reset(rtc: Rtc, base: u32, fraction: u64): void {
  memory.fill(changetype<usize>(rtc), 0, offsetof<Rtc>());
  rtc.base = base;
  rtc.fraction = fraction;
}

/** The VM's count starts anew; the clock goes on. */
export function restart(vm: Vm): void {
  const frequency = sysreg.readCntfrqEl0();
  const fraction = frequency == 0 ? 0 : counts(vm) % frequency;
  reset(vm.rtc, now(vm), fraction);
  vm.countOffset = timer.now();
}
