// A guest's further CPUs, by PSCI (Arm DEN0022). A program that starts some exports onCpu(context, leftovers), which they run.

import { INVALID_PARAMETERS, PSCI_AFFINITY_INFO_64, PSCI_CPU_OFF, PSCI_CPU_ON_64 } from "../../build/gen/calls";
import * as call from "./hal/call";
import * as image from "./hal/image";

/** What AFFINITY_INFO answers (5.7.1). */
export const ON: u64 = 0;
export const OFF: u64 = 1;

/** Starts CPU `n`; returns 0 or PSCI's error. */
export function start(n: u64, context: u64): u64 {
  return call.hvc(PSCI_CPU_ON_64, n, image.secondaryEntry(), context);
}

/** ON, OFF, or INVALID_PARAMETERS for a CPU that the machine does not have. */
export function state(n: u64): u64 {
  return call.hvc(PSCI_AFFINITY_INFO_64, n, 0, 0);
}

/** How many CPUs the machine has. */
export function count(): u32 {
  let n: u32 = 0;
  while (state(n) != INVALID_PARAMETERS) n++;
  return n;
}

/** Switches this CPU off; does not return. */
export function off(): void {
  call.plain(PSCI_CPU_OFF);
}
