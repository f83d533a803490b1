// The same from the guest's EL0: what the hypervisor gives for it goes to the vector for a lower level, with the classes of one.

import { UART_BASE } from "../../build/gen/guest";
import { UART_FR, UART_PERIPH_ID } from "../../build/gen/pl011";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as cpu from "../lib/hal/cpu";
import * as instruction from "../lib/hal/instruction";
import * as check from "./check";
import { BRK_0, LDP, LDR_Q, LDR_W, LDR_X, LDRB, mrs, NOP, PACGA, RDVL, STR_X } from "../lib/encodings";
import { DEVICES_EL0, NOTHING, ROM } from "./places";

/** CNTKCTL_EL1.EL0PCTEN: EL0 may read the physical counter. */
const EL0_PHYSICAL_COUNT: u64 = 1;

function aborts(name: string, word: u32, address: u64): void {
  check.runAtEl0(word, 0, address);
  check.dataAbort(name, address);
}

function memoryAndDevices(): void {
  check.value("el0-runs", check.runAtEl0(NOP, 42, 0), 42);
  check.value("el0-reads-device", check.runAtEl0(LDRB, 0, DEVICES_EL0 + UART_BASE + UART_PERIPH_ID), 0x11);
  aborts("el0-read-nothing", LDR_X, DEVICES_EL0 + NOTHING);
  aborts("el0-write-nothing", STR_X, DEVICES_EL0 + NOTHING);
  aborts("el0-write-rom", STR_X, DEVICES_EL0 + ROM);
  aborts("el0-load-pair-uart", LDP, DEVICES_EL0 + UART_BASE + UART_FR);
  aborts("el0-load-vector-uart", LDR_Q, DEVICES_EL0 + UART_BASE);
  aborts("el0-unaligned-uart", LDR_W, DEVICES_EL0 + UART_BASE + UART_FR + 1);
  check.begin();
  instruction.runAtEl0(NOP, DEVICES_EL0 + NOTHING, 0, 0);
  check.fetchAbortFromEl0("el0-fetch-nothing", DEVICES_EL0 + NOTHING);
}

function undefined(name: string, word: u32): void {
  check.runAtEl0(word, 0, 0);
  check.undefined(name);
}

function instructions(): void {
  undefined("el0-sve", RDVL);
  undefined("el0-pauth", PACGA);
  undefined("el0-read-actlr", mrs(3, 0, 1, 0, 1));
  undefined("el0-read-implementation-defined", mrs(3, 3, 15, 15, 7));
  check.runAtEl0(BRK_0, 0, 0);
  check.breakpoint("el0-breakpoint");
  sysreg.writeCntkctlEl1(EL0_PHYSICAL_COUNT);
  cpu.isb();
  const before = cpu.count();
  const physical = check.runAtEl0(mrs(3, 3, 14, 0, 1), 0, 0);
  check.between("el0-physical-count", physical, before, cpu.count());
  sysreg.writeCntkctlEl1(0);
}

export function cases(): void {
  memoryAndDevices();
  instructions();
}
