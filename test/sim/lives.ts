// What guests of a test do that is about no VM in particular: calls, interrupts among vCPUs, devices, timers, sleep.

import { guest as guestMachine } from "../../abi/guest.ts";
import { trappedRegisters } from "../../abi/sysregs.ts";
import { callId } from "../../sim/call-ids.ts";
import type { Guest } from "../../sim/guest.ts";
import { oneOf, type Random } from "../../sim/random.ts";

const [NULL, CPU_ON] = [callId("HL_NULL"), callId("PSCI_CPU_ON_64")];
const ENTRY = BigInt(guestMachine.RAM_BASE + guestMachine.RAW_LOAD);
const ALL_OTHERS = 1n << 40n;

export const live = (guest: Guest, { random }: { readonly random: Random }): void =>
  oneOf(random, [
    () => guest.hvc(NULL),
    () => guest.hvc(CPU_ON, 1n, ENTRY),
    () => guest.openInterrupts(),
    () => guest.end(guest.acknowledge()),
    () => guest.msr(trappedRegisters.ICC_SGI1R_EL1, ALL_OTHERS),
    () => guest.msr(trappedRegisters.CNTP_TVAL_EL0, BigInt(random(50_000))),
    () => guest.store(guestMachine.GICD_BASE + 0x104, BigInt(random(2 ** 32))),
    () => guest.load(guestMachine.GICD_BASE + 0x104),
    () => guest.load(guestMachine.GICR_BASE + 0x1_0200),
    () => guest.store(guestMachine.UART_BASE, 0x61n),
    () => guest.wfi(),
    () => guest.spin(BigInt(random(10_000))),
  ])();
