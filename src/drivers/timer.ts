// EL2's physical timer (Arm ARM D11): one deadline for this CPU.

import { CNT_CTL_ENABLE } from "../../build/gen/controls";
import * as barrier from "../hal/barrier";
import * as sysreg from "../hal/sysreg";

/** No deadline. */
export const NEVER: u64 = 0xffffffffffffffff;

const MICROSECONDS_A_SECOND: u64 = 1000000;

/** Now, by the board's physical count; not read ahead of what stands before it. */
export function now(): u64 {
  barrier.isb();
  return sysreg.readCntpctEl0();
}

/** So many microseconds, in counts; never 0. */
export function counts(microseconds: u64): u64 {
  return max<u64>((microseconds * sysreg.readCntfrqEl0()) / MICROSECONDS_A_SECOND, 1);
}

/** Interrupts when the count reaches `deadline`. */
export function arm(deadline: u64): void {
  sysreg.writeCnthpCvalEl2(deadline);
  sysreg.writeCnthpCtlEl2(deadline == NEVER ? 0 : CNT_CTL_ENABLE);
  barrier.isb();
}
