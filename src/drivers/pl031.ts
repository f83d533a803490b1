// The board's real-time clock: PL031 (Arm DDI 0224). Read once, at boot.

import { RTC_DR } from "../../build/gen/pl031";
import { Pa } from "../hal/addr";
import * as mmio from "../hal/mmio";

/** Seconds since 1970. */
export function seconds(pa: Pa): u32 {
  return mmio.read32(((pa as u64) + RTC_DR) as Pa);
}
