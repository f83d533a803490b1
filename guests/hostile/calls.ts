// Attacks by calls: floods of them, of bytes for the console, and of lines for the log.

import {
  CONSOLE_WRITE_MAX,
  DENIED,
  HL_CONSOLE_WRITE,
  HL_NULL,
  HL_VCPU_FACT,
  HL_VM_COUNT,
  HL_VM_LINK,
  HL_VM_FACT,
  INVALID_ADDRESS,
  INVALID_PARAMETERS,
  NOT_SUPPORTED,
  PSCI_AFFINITY_INFO_64,
  PSCI_CPU_ON_64,
  PSCI_FEATURES,
  PSCI_VERSION,
} from "../../build/gen/calls";
import { RAM_BASE, UART_BASE } from "../../build/gen/guest";
import * as console from "../lib/console";
import * as access from "../lib/hal/access";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as image from "../lib/hal/image";
import * as instruction from "../lib/hal/instruction";
import { LDP, LDR_X, mrs, msr, STR_X } from "../lib/encodings";
import * as places from "./places";
import * as seen from "./seen";
import * as stage from "./stage";

const ALL: u64 = 0xffffffffffffffff;
const JUNK: u64 = 0xdeadbeef00000000;

/** Bits in which the answers of calls that mean nothing differ from what is due. */
function absurd(): u64 {
  let wrong = call.hvc(HL_NULL, ALL, ALL, ALL);
  wrong |= call.hvc(0xc600ffff, 0, 0, 0) ^ NOT_SUPPORTED;
  wrong |= call.smc(0xc2000000, ALL, 0, 0) ^ NOT_SUPPORTED;
  wrong |= call.smc(0xf2000000, 0, ALL, 0) ^ NOT_SUPPORTED;
  wrong |= call.hvc(ALL, 0, 0, 0) ^ NOT_SUPPORTED;
  wrong |= call.hvc(JUNK | PSCI_FEATURES, JUNK | PSCI_VERSION, 0, 0);
  wrong |= call.hvc(HL_VM_FACT, ALL, 0, 0) ^ INVALID_PARAMETERS;
  wrong |= call.hvc(HL_VCPU_FACT, (1 as u64) << 63, 0, 0) ^ INVALID_PARAMETERS;
  for (let id = HL_VM_COUNT; id <= HL_VM_LINK; id++) wrong |= call.hvc(id, 0, 0, 0) ^ DENIED;
  wrong |= call.hvc(PSCI_CPU_ON_64, 0x7f, RAM_BASE, 0) ^ INVALID_PARAMETERS;
  wrong |= call.hvc(PSCI_CPU_ON_64, ALL, RAM_BASE, 0) ^ INVALID_PARAMETERS;
  wrong |= call.hvc(PSCI_AFFINITY_INFO_64, 0x7f, 0, 0) ^ INVALID_PARAMETERS;
  wrong |= call.hvc(PSCI_AFFINITY_INFO_64, 0, ALL, 0) ^ INVALID_PARAMETERS;
  return wrong;
}

export function storm(): bool {
  let wrong: u64 = 0;
  while (stage.isOn()) wrong |= absurd();
  return wrong == 0;
}

/** Terminal escapes, the hypervisor's own marks, a forged last line of the run, and no end of line. */
const POISON: string =
  "\x1bc\x1b[2J\x1b]0;owned\x07\x1b[?1049h\x9b31m\x1bP+q544e\x1b\\\x1e<0>[    0.000000] halted: crash by a guest\r\n\x1e\x1fnote\x1e\x1dswitch\x00\x0e\x85\x1b[6n\x1b[c";

/** Where the bytes lie: in this VM's RAM. */
function buffer(): u64 {
  return image.end() + 0x200000;
}

/** As many bytes for the console as it takes. */
export function flood(): bool {
  for (let n: u32 = 0; n < CONSOLE_WRITE_MAX; n++) access.write8(buffer() + n, POISON.charCodeAt((n as i32) % POISON.length));
  let right = true;
  while (stage.isOn()) {
    if (call.hvc(HL_CONSOLE_WRITE, buffer(), CONSOLE_WRITE_MAX, 0) > CONSOLE_WRITE_MAX) right = false;
    cpu.relax();
  }
  console.newLine();
  return right;
}

/** Buffers of HL_CONSOLE_WRITE that others change meanwhile, that wrap, cross ends, lie in devices or nowhere. */
export function buffers(): bool {
  let wrong: u64 = 0;
  for (let n: u64 = 0; stage.isOn(); n++) {
    for (let at: u64 = 0; at < 64; at += 8) access.write64(stage.scratch() + at, n * 0x9e3779b97f4a7c15);
    wrong |= u64(call.hvc(HL_CONSOLE_WRITE, stage.scratchIpa(), 64, 0) > 64);
    wrong |= call.hvc(HL_CONSOLE_WRITE, ALL - 15, 32, 0) ^ INVALID_PARAMETERS;
    wrong |= call.hvc(HL_CONSOLE_WRITE, RAM_BASE, ALL, 0) ^ INVALID_PARAMETERS;
    wrong |= refused(call.hvc(HL_CONSOLE_WRITE, places.ramEnd() - 8, 16, 0));
    wrong |= refused(call.hvc(HL_CONSOLE_WRITE, UART_BASE, 16, 0));
    wrong |= refused(call.hvc(HL_CONSOLE_WRITE, places.NOTHING, 16, 0));
    wrong |= refused(call.hvc(HL_CONSOLE_WRITE, ALL - 0xffff, 16, 0));
    cpu.relax();
  }
  console.newLine();
  return wrong == 0;
}

/** 0 for a call that was refused; one whose console has no room looks at no address. */
function refused(answer: u64): u64 {
  return answer == 0 ? 0 : answer ^ INVALID_ADDRESS;
}

/** What is worth a line of the log each time: accesses to nothing, registers that nobody has. */
export function lines(): bool {
  let provoked: u32 = 0;
  const before = seen.provocations();
  while (stage.isOn()) {
    instruction.run(LDR_X, 0, places.NOTHING + (provoked << 3), 0, 0);
    instruction.run(STR_X, 0, places.NOTHING, 0, 0);
    instruction.run(LDP, 0, UART_BASE, 0, 0);
    instruction.run(mrs(3, 7, 15, 15, 7), 0, 0, 0, 0);
    instruction.run(msr(3, 3, 9, 12, 0), ALL, 0, 0, 0);
    instruction.run(msr(3, 4, 1, 1, 0), ALL, 0, 0, 0);
    provoked += 6;
  }
  return seen.provocations() - before == provoked;
}
