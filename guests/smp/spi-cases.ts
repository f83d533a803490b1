// SPIs (IHI 0069, 4.3 and 12.9) that go to one CPU while another one changes their state: pending, active, enabled, routed.

import { FIRST_SPI } from "../../build/gen/gic";
import { RTC_BASE, RTC_SPI } from "../../build/gen/guest";
import { RTC_DR, RTC_IMSC, RTC_MR } from "../../build/gen/pl031";
import * as gic from "../lib/gic";
import * as access from "../lib/hal/access";
import * as score from "../lib/score";
import * as crew from "./crew";
import * as interrupts from "./interrupts";

/** An SPI without a device: it is made pending in the distributor. */
const SPI: u32 = FIRST_SPI + 40;
const RTC: u32 = FIRST_SPI + RTC_SPI;
const SETTLE: u64 = 500;

function routed(): void {
  let right = true;
  for (let n: u32 = 0; n < crew.count(); n++) {
    interrupts.clear();
    gic.route(SPI, n);
    gic.setPending(SPI, true);
    interrupts.awaitTotal(SPI, 1);
    interrupts.pause(SETTLE);
    right = right && interrupts.count(n, SPI) == 1 && interrupts.total(SPI) == 1;
  }
  score.holds("spi-to-each-alone", right);

  interrupts.clear();
  gic.route(SPI, gic.ANY);
  gic.setPending(SPI, true);
  interrupts.awaitTotal(SPI, 1);
  interrupts.pause(SETTLE);
  score.same("spi-to-any", interrupts.total(SPI), 1);

  interrupts.clear();
  gic.letShared(SPI, false);
  gic.route(SPI, 0);
  gic.setPending(SPI, true);
  interrupts.pause(SETTLE);
  score.same("spi-while-disabled", interrupts.total(SPI), 0);
  gic.route(SPI, crew.count() - 1);
  gic.letShared(SPI, true);
  interrupts.awaitTotal(SPI, 1);
  score.same("spi-routed-while-pending", interrupts.count(crew.count() - 1, SPI), 1);

  interrupts.clear();
  gic.letShared(SPI, false);
  gic.setPending(SPI, true);
  gic.setPending(SPI, false);
  gic.letShared(SPI, true);
  interrupts.pause(SETTLE);
  score.same("spi-no-longer-pending", interrupts.total(SPI), 0);
}

/** Has CPU 1 handle the SPI, until it is let go on. */
function begin(): void {
  interrupts.clear();
  interrupts.hold(SPI);
  gic.route(SPI, 1);
  gic.setPending(SPI, true);
  interrupts.awaitHolder();
}

/** Lets it go on, and waits for so many in all and no more; returns how many came. */
function end(times: u32): u32 {
  interrupts.release();
  interrupts.awaitTotal(SPI, times);
  interrupts.pause(SETTLE);
  return interrupts.total(SPI);
}

function whileHandledElsewhere(): void {
  begin();
  score.same("spi-handled-by-its-cpu", interrupts.holder(), 2);
  score.holds("spi-handled-is-active", gic.isActive(SPI));
  score.holds("spi-handled-is-not-pending", !gic.isPending(SPI));
  gic.setPending(SPI, true);
  score.holds("spi-pending-while-handled", gic.isPending(SPI) && gic.isActive(SPI));
  score.same("spi-pending-while-handled-comes-again", end(2), 2);
  score.holds("spi-behind-its-end", !gic.isActive(SPI) && !gic.isPending(SPI));

  begin();
  gic.setPending(SPI, true);
  gic.setPending(SPI, false);
  score.same("spi-pending-taken-back-while-handled", end(1), 1);

  begin();
  gic.letShared(SPI, false);
  gic.setPending(SPI, true);
  score.same("spi-disabled-while-handled", end(1), 1);
  gic.letShared(SPI, true);
  score.same("spi-enabled-behind-its-end", end(2), 2);

  begin();
  gic.setPending(SPI, true);
  gic.route(SPI, 0);
  score.same("spi-routed-while-handled", end(2), 2);

  begin();
  gic.setActive(SPI, false);
  score.holds("spi-made-inactive-while-handled", !gic.isActive(SPI));
  gic.setPending(SPI, true);
  score.same("spi-made-inactive-comes-again", end(2), 2);
}

/** By level: the RTC's alarm, which the handler clears. */
function alarm(): void {
  const last = crew.count() - 1;
  interrupts.clear();
  gic.enableShared(RTC, false, last);
  access.write32(RTC_BASE + RTC_IMSC, 1);
  access.write32(RTC_BASE + RTC_MR, access.read32(RTC_BASE + RTC_DR) + 1);
  interrupts.awaitTotal(RTC, 1);
  interrupts.pause(SETTLE);
  access.write32(RTC_BASE + RTC_IMSC, 0);
  score.holds("alarm-to-the-last-cpu", interrupts.count(last, RTC) == 1 && interrupts.total(RTC) == 1);
}

export function cases(): void {
  gic.enableShared(SPI, true, 0);
  routed();
  if (crew.count() > 1) whileHandledElsewhere();
  gic.letShared(SPI, false);
  alarm();
}
