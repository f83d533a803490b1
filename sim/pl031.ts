// The board's real-time clock: a PL031 (Arm DDI 0224), which the hypervisor reads at boot.

import { pl031 } from "../abi/pl031.ts";
import type { Device } from "./device.ts";
import { Violation } from "./faults.ts";

export class BoardClock implements Device {
  readonly base = 0x0901_0000;
  readonly size = 0x1000;
  /** Seconds since 1970. */
  seconds = 1_700_000_000;

  read(offset: number, bytes: number): bigint {
    if (offset !== pl031.RTC_DR || bytes !== 4) throw new Violation("the board's clock is read for anything but its time");
    return BigInt(this.seconds);
  }
  write(): void {
    throw new Violation("the board's clock is written");
  }
}
