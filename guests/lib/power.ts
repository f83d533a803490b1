// The end of a guest, by PSCI (Arm DEN0022).

import { PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET } from "../../build/gen/calls";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as console from "./console";
import * as access from "./hal/access";
import * as call from "./hal/call";
import * as cpu from "./hal/cpu";

/** Neither returns. */
export function off(): void {
  call.plain(PSCI_SYSTEM_OFF);
}
export function reset(): void {
  call.plain(PSCI_SYSTEM_RESET);
}

/** SCTLR_EL1.M. */
const MMU_ON: u64 = 1;

/**
 * Crashes: an exception whose vector lies at `nothing`, where nothing is, without a stage 1 that would forbid the fetch: QEMU would never leave that exception's
 * own exceptions.
 */
export function crash(nothing: u64): void {
  sysreg.writeSctlrEl1(sysreg.readSctlrEl1() & ~MMU_ON);
  sysreg.writeVbarEl1(nothing & ~(0x7ff as u64));
  cpu.isb();
  access.read64(nothing);
}

/** An exception that the program did not provoke: says so and goes off. */
export function unexpected(kind: u64, esr: u64, far: u64, elr: u64): void {
  console.line("stopped", "by an exception: vector %d, syndrome 0x%x", kind, esr);
  console.line("", "at 0x%x, address 0x%x", elr, far);
  off();
}
