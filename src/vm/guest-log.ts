// What a VM makes us log: never above `warning`, and ten lines a second at most; how many were dropped is said with the next one. Beside that a VM that
// crashes again and again has its registers shown, but seldom.

import { LOG_INFO, LOG_WARNING } from "../../build/gen/console";
import * as sysreg from "../hal/sysreg";
import * as guard from "../log/guard";
import * as log from "../log/log";
import { Vm } from "./records";

const LINES_A_SECOND: u32 = 10;
const SECONDS_BETWEEN_REGISTERS: u32 = 10;

/** The second that it is, from 1 on. */
function now(): u32 {
  const frequency = sysreg.readCntfrqEl0();
  return (frequency == 0 ? 0 : ((sysreg.readCntpctEl0() / frequency) as u32)) + 1;
}

/** Whether a VM's registers may be logged now, which the caller does then. The VM's lock is held. */
export function mayShowRegisters(vm: Vm): bool {
  const second = now();
  if (vm.registersSecond != 0 && second - vm.registersSecond < SECONDS_BETWEEN_REGISTERS) return false;
  vm.registersSecond = second;
  return true;
}

/** Whether the VM may have one more line now. */
function admit(vm: Vm): bool {
  const second = now();
  if (second != vm.logSecond) {
    vm.logSecond = second;
    vm.logTokens = LINES_A_SECOND;
  }
  if (vm.logTokens == 0) {
    vm.logDropped++;
    return false;
  }
  vm.logTokens--;
  return true;
}

function writeLocked(severity: u32, vm: Vm, module: u32, s: string, a: u64, b: u64, c: u64): bool {
  if (!admit(vm)) return false;
  if (vm.logDropped != 0) {
    log.writeLocked(LOG_WARNING, module, vm.id, "%d lines about this VM were dropped", vm.logDropped, 0, 0);
    vm.logDropped = 0;
  }
  log.writeLocked(severity, module, vm.id, s, a, b, c);
  return true;
}

function write(severity: u32, vm: Vm, module: u32, s: string, a: u64, b: u64, c: u64): bool {
  guard.enter();
  const admitted = writeLocked(severity, vm, module, s, a, b, c);
  guard.leave();
  return admitted;
}

/** A line about something that the guest did wrong; false: it was dropped. */
export function warning(vm: Vm, module: u32, s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): bool {
  return write(LOG_WARNING, vm, module, s, a, b, c);
}

/** A line about something that the guest did. */
export function info(vm: Vm, module: u32, s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  write(LOG_INFO, vm, module, s, a, b, c);
}
