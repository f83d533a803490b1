// Where a hostile guest reaches: addresses that are not its own. The map of intermediate physical addresses below 1 GiB is seen at its own addresses.

import { VM_FACT_MEMORY } from "../../build/gen/calls";
import { RAM_BASE } from "../../build/gen/guest";
import * as facts from "../lib/facts";

/** The read-only region of the system's configuration, and an IPA where nothing is. */
export const ROM: u64 = 0x20000000;
export const NOTHING: u64 = 0x30000000;

/** The first byte behind the RAM. */
export function ramEnd(): u64 {
  return (RAM_BASE as u64) + facts.ofVm(VM_FACT_MEMORY);
}
