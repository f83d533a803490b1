// The manifest: what the bundle (abi/bundle.ts) says of the system, and of each VM (vm-node.ts). All of it is read and checked at boot; a mistake
// ends the run with one message.

import {
  DT_CONSOLE,
  DT_LOG_LEVELS,
  DT_NO_SCRUB,
  DT_POLICY,
  DT_SHARED,
  DT_SIZE,
  DT_SLICE,
  DT_VCPUS,
  DT_VMS,
  MAX_SHARED,
  MAX_SLICE,
  MAX_VCPUS,
  MAX_VMS,
  MIN_SLICE,
  POLICY_SHARE,
} from "../../build/gen/bundle";
import { LOG_DEBUG, LOG_MODULES } from "../../build/gen/console";
import { IPA_LIMIT } from "../../build/gen/guest";
import { logModuleName } from "../../build/gen/log-modules";
import { Pa } from "../hal/addr";
import * as phys from "../hal/phys";
import * as fdt from "../lib/fdt";
import { crash } from "../log/halt";
import * as log from "../log/log";
import * as bundle from "./bundle";
import * as disks from "./disks";
import { tree } from "./bundle";
import * as pipes from "./pipes";
import * as switches from "./switches";
import * as table from "./table";
import * as vmNode from "./vm-node";

/** What holds for the whole system. */
@unmanaged
class System {
  scrubs: u32;
  terminal: u32;
  policy: u32;
  slice: u32;
}
const system = changetype<System>(memory.data(16, 8));

/** Whether RAM that nobody had is zeroed before a VM gets it. */
export function scrubs(): bool {
  return system.scrubs != 0;
}

/** Whether the console is one terminal for all VMs; else it shows whole lines, each with its VM's name. */
export function isTerminal(): bool {
  return system.terminal != 0;
}

/** How the scheduler chooses: one of `policies`. */
export function policy(): u32 {
  return system.policy;
}

/** How long a vCPU runs while others wait, in microseconds. */
export function slice(): u32 {
  return system.slice;
}

/** Length of the text at `from` up to `end`, a comma, an equals sign or zero. */
function wordLength(from: u64, end: u64): u32 {
  let length: u32 = 0;
  for (let at = from; at < end; at++) {
    const byte = phys.read8(at as Pa);
    if (byte == 0 || byte == 0x2c || byte == 0x3d) break;
    length++;
  }
  return length;
}

function sameWord(at: u64, length: u32, name: string): bool {
  if ((name.length as u32) != length) return false;
  for (let i: u32 = 0; i < length; i++) {
    if ((phys.read8((at + i) as Pa) as i32) != name.charCodeAt(i)) return false;
  }
  return true;
}

function severityOf(at: u64, length: u32): u32 {
  if (sameWord(at, length, "debug")) return 7;
  if (sameWord(at, length, "info")) return 6;
  if (sameWord(at, length, "notice")) return 5;
  if (sameWord(at, length, "warning")) return 4;
  if (sameWord(at, length, "err")) return 3;
  if (sameWord(at, length, "crit")) return 2;
  if (sameWord(at, length, "alert")) return 1;
  return sameWord(at, length, "emerg") ? 0 : LOG_DEBUG + 1;
}

/** `log-levels`: "vgic=debug,vm=warning". */
export function setLogLevels(): void {
  const prop = fdt.property(tree, 0, DT_LOG_LEVELS);
  let at = fdt.value(tree, prop) as u64;
  const end = prop == 0 ? at : at + fdt.length(tree, prop);
  while (at < end) {
    const name = wordLength(at, end);
    const value = at + name + 1;
    const severity = value < end ? wordLength(value, end) : 0;
    const level = severityOf(value, severity);
    for (let module: u32 = 0; module < LOG_MODULES; module++) {
      if (level <= LOG_DEBUG && sameWord(at, name, logModuleName(module))) log.setLevel(module, level);
    }
    at = value + severity + 1;
  }
}

function readConsole(): void {
  const prop = fdt.property(tree, 0, DT_CONSOLE);
  system.terminal = u32(fdt.includes(tree, prop, "terminal"));
  if (prop != 0 && system.terminal == 0 && !fdt.includes(tree, prop, "lines"))
    crash("the bundle is corrupt: its console is neither `terminal` nor `lines`");
}

function readShared(): void {
  table.makeShared(bundle.countOf(0, DT_SHARED, MAX_SHARED, "the bundle is corrupt: more than %d shared regions"));
  let node = bundle.firstOf(0, DT_SHARED);
  for (let n: u32 = 0; n < table.sharedCount(); n++) {
    const bytes = bundle.number(node, DT_SIZE);
    if (bytes == 0 || (bytes & 4095) != 0 || bytes > IPA_LIMIT)
      crash("the bundle is corrupt: a shared region of 0x%x bytes", bytes);
    table.shared(n).bytes = bytes;
    node = bundle.nextOf(node);
  }
}

/** Every doorbell rings one that is there. */
function checkDoorbells(): void {
  for (let id: u32 = 0; id < table.count(); id++) {
    const vm = table.vm(id);
    for (let n: u32 = 0; n < vm.doorbells; n++) {
      const doorbell = table.doorbell(vm, n);
      if (doorbell.peer < table.count() && doorbell.number < table.vm(doorbell.peer).doorbells) continue;
      crash(
        "the bundle is corrupt: a doorbell of vm%d rings number %d of vm%d, which is not there",
        id,
        doorbell.number,
        doorbell.peer,
      );
    }
  }
}

/** Reads everything into records. `cpus`: those of the board that take part, one bit each. */
export function read(cpus: u32): void {
  system.scrubs = u32(bundle.has(0, DT_NO_SCRUB) == 0);
  readConsole();
  system.policy = bundle.within(0, DT_POLICY, 0, POLICY_SHARE, "the bundle is corrupt: scheduling policy %d");
  system.slice = bundle.within(0, DT_SLICE, MIN_SLICE, MAX_SLICE, "the bundle is corrupt: a time slice of %d microseconds");
  readShared();
  disks.read();
  switches.read();
  pipes.read();
  if (bundle.countOf(0, DT_VMS, MAX_VMS, "the bundle is corrupt: more than %d VMs") == 0) crash("the bundle has no VM");
  for (let node = bundle.firstOf(0, DT_VMS); node != fdt.NONE; node = bundle.nextOf(node)) {
    const vm = table.add(bundle.within(node, DT_VCPUS, 1, MAX_VCPUS, "the bundle is corrupt: a VM with %d vCPUs"));
    vmNode.read(vm, node, cpus);
  }
  checkDoorbells();
}
