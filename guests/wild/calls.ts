// Calls that do not exist, or whose arguments mean nothing.

import {
  ALREADY_ON,
  CONSOLE_WRITE_MAX,
  HL_CONSOLE_WRITE,
  HL_NULL,
  HL_VCPU_FACT,
  HL_VM_FACT,
  INVALID_ADDRESS,
  INVALID_PARAMETERS,
  NOT_SUPPORTED,
  PSCI_AFFINITY_INFO_64,
  PSCI_CPU_ON_64,
  PSCI_CPU_SUSPEND_64,
  PSCI_FEATURES,
  PSCI_SYSTEM_RESET2_64,
  PSCI_VERSION,
} from "../../build/gen/calls";
import { IPA_LIMIT, RAM_BASE, UART_BASE } from "../../build/gen/guest";
import * as access from "../lib/hal/access";
import * as call from "../lib/hal/call";
import * as image from "../lib/hal/image";
import * as check from "./check";
import { HVC_0, HVC_1, HVC_FFFF, SMC_0, SMC_1 } from "../lib/encodings";
import { ramEnd } from "./places";

function hvc(name: string, id: u64, a: u64, b: u64, answer: u64): void {
  check.begin();
  check.value(name, call.hvc(id, a, b, 0), answer);
}

/** A call goes on behind itself, whatever it is; other registers than the results stay. */
function unknown(): void {
  check.value("hvc-unknown-vendor", check.run(HVC_0, 0xc600ffff, 0x1234), NOT_SUPPORTED);
  check.value("smc-unknown-vendor", check.run(SMC_0, 0xc600ffff, 0x1234), NOT_SUPPORTED);
  hvc("hvc-zero", 0, 0, 0, NOT_SUPPORTED);
  hvc("hvc-all-ones", 0xffffffffffffffff, 0, 0, NOT_SUPPORTED);
  hvc("hvc-arch-unknown", 0x80001234, 0, 0, NOT_SUPPORTED);
  hvc("hvc-psci-unknown", 0x8400001f, 0, 0, NOT_SUPPORTED);
  check.value("smc-sip", check.run(SMC_0, 0xc2000000, 0), NOT_SUPPORTED);
  check.value("smc-oem", check.run(SMC_0, 0xc3000001, 0), NOT_SUPPORTED);
  check.value("smc-standard-secure", check.run(SMC_0, 0xc4000100, 0), NOT_SUPPORTED);
  check.value("smc-trusted-application", check.run(SMC_0, 0xb0000000, 0), NOT_SUPPORTED);
  check.value("smc-trusted-os", check.run(SMC_0, 0xf2000000, 0), NOT_SUPPORTED);
  check.value("smc-psci-version", check.run(SMC_0, PSCI_VERSION, 0), 0x10001);
}

function immediates(): void {
  check.run(HVC_1, HL_NULL, 0);
  check.undefined("hvc-immediate-1");
  check.run(HVC_FFFF, HL_NULL, 0);
  check.undefined("hvc-immediate-ffff");
  check.run(SMC_1, HL_NULL, 0);
  check.undefined("smc-immediate-1");
}

const JUNK: u64 = 0xdeadbeef00000000;

function upperHalves(): void {
  hvc("junk-above-the-identifier", JUNK | PSCI_VERSION, 0, 0, 0x10001);
  hvc("junk-above-a-32-bit-argument", PSCI_FEATURES, JUNK | PSCI_VERSION, 0, 0);
}

function psci(): void {
  hvc("cpu-on-nobody", PSCI_CPU_ON_64, 1, RAM_BASE, INVALID_PARAMETERS);
  hvc("cpu-on-absurd", PSCI_CPU_ON_64, 0xffffffffffffffff, RAM_BASE, INVALID_PARAMETERS);
  hvc("cpu-on-oneself", PSCI_CPU_ON_64, 0, RAM_BASE, ALREADY_ON);
  hvc("cpu-on-entry-outside", PSCI_CPU_ON_64, 0, UART_BASE, INVALID_ADDRESS);
  hvc("affinity-info-nobody", PSCI_AFFINITY_INFO_64, 0x100, 0, INVALID_PARAMETERS);
  hvc("affinity-info-absurd-level", PSCI_AFFINITY_INFO_64, 0, 77, INVALID_PARAMETERS);
  hvc("suspend-reserved-bits", PSCI_CPU_SUSPEND_64, 0x80000000, 0, INVALID_PARAMETERS);
  hvc("reset2-reserved-type", PSCI_SYSTEM_RESET2_64, 1, 0, INVALID_PARAMETERS);
  hvc("features-unknown", PSCI_FEATURES, 0x8400001f, 0, NOT_SUPPORTED);
}

function buffers(): void {
  hvc("fact-unknown", HL_VM_FACT, 0xffffffff, 0, INVALID_PARAMETERS);
  hvc("vcpu-fact-unknown", HL_VCPU_FACT, 0x8000000000000000, 0, INVALID_PARAMETERS);
  hvc("write-empty", HL_CONSOLE_WRITE, RAM_BASE, 0, 0);
  hvc("write-too-much", HL_CONSOLE_WRITE, RAM_BASE, CONSOLE_WRITE_MAX + 1, INVALID_PARAMETERS);
  hvc("write-huge", HL_CONSOLE_WRITE, RAM_BASE, 0x8000000000000000, INVALID_PARAMETERS);
  hvc("write-wrapping", HL_CONSOLE_WRITE, 0xfffffffffffffff0, 0x20, INVALID_PARAMETERS);
  hvc("write-from-device", HL_CONSOLE_WRITE, UART_BASE, 16, INVALID_ADDRESS);
  hvc("write-from-nothing", HL_CONSOLE_WRITE, 0x70000000, 16, INVALID_ADDRESS);
  hvc("write-across-the-end", HL_CONSOLE_WRITE, ramEnd() - 8, 16, INVALID_ADDRESS);
  hvc("write-from-below", HL_CONSOLE_WRITE, RAM_BASE - 8, 16, INVALID_ADDRESS);
  hvc("write-from-alias", HL_CONSOLE_WRITE, IPA_LIMIT | RAM_BASE, 16, INVALID_ADDRESS);
  hvc("write-from-top", HL_CONSOLE_WRITE, 0xffffffffffff0000, 16, INVALID_ADDRESS);
  // Odd addresses and a page's end in the middle are all right.
  const odd = image.end() + 0x100ffd;
  const s = "odd\r\n";
  for (let i = 0; i < s.length; i++) access.write8(odd + i, s.charCodeAt(i));
  hvc("write-misaligned", HL_CONSOLE_WRITE, odd, s.length, s.length);
}

/** As much as the guest can print, and as many lines as it can provoke. */
function floods(): void {
  const buffer = image.end() + 0x100000;
  for (let n: u32 = 0; n < CONSOLE_WRITE_MAX; n++) access.write8(buffer + n, n % 64 == 62 ? 0x0d : n % 64 == 63 ? 0x0a : 0x2e);
  check.begin();
  let written: u64 = 0;
  for (let n: u32 = 0; n < 16; n++) written += call.hvc(HL_CONSOLE_WRITE, buffer, CONSOLE_WRITE_MAX, 0);
  check.value("console-flood", written, 16 * CONSOLE_WRITE_MAX);
  let answers: u64 = 0;
  for (let n: u32 = 0; n < 20000; n++) answers |= call.hvc(HL_NULL, 0, 0, 0);
  check.value("hypercall-flood", answers, 0);
}

export function cases(): void {
  unknown();
  immediates();
  upperHalves();
  psci();
  buffers();
  floods();
}
