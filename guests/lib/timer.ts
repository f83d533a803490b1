// A guest's virtual timer (Arm ARM D11.2), in counts of CNTVCT_EL0.

import { CNT_CTL_ENABLE } from "../../build/gen/controls";
import { VTIMER_INTID } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as gic from "./gic";
import * as cpu from "./hal/cpu";

/** So many microseconds, in counts. */
export function counts(microseconds: u64): u64 {
  return (sysreg.readCntfrqEl0() * microseconds) / 1000000;
}

/** Counts, in nanoseconds. */
export function nanoseconds(counts: u64): u64 {
  return (counts * 1000) / (sysreg.readCntfrqEl0() / 1000000);
}

/** Sets the timer to a deadline. */
export function set(deadline: u64): void {
  sysreg.writeCntvCvalEl0(deadline);
  sysreg.writeCntvCtlEl0(CNT_CTL_ENABLE);
}

/** Switches the timer off: its line falls. */
export function cancel(): void {
  sysreg.writeCntvCtlEl0(0);
}

/** Waits in WFI until the deadline, or until an interrupt comes, if they are open; its PPI is let through. */
export function sleepUntil(deadline: u64): void {
  set(deadline);
  if (cpu.count() < deadline) cpu.wfi();
}

/**
 * Waits in WFI for so many microseconds, interrupts masked. A virtual GIC sees that a line fell when the CPU exits, so the interrupt is cleared as well:
 * the next WFI would not wait.
 */
export function sleep(microseconds: u64): void {
  const deadline = cpu.count() + counts(microseconds);
  cpu.mask();
  while (cpu.count() < deadline) sleepUntil(deadline);
  cancel();
  cpu.isb();
  gic.clear(VTIMER_INTID);
}
