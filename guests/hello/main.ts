// The first guest: prints through its UART and through hypercalls, turns on its own MMU, takes an interrupt of each timer, survives a read of
// memory that is not its own. One line for each.

import {
  HL_CONSOLE_WRITE,
  HL_VCPU_FACT,
  HL_VERSION,
  HL_VM_FACT,
  PSCI_VERSION,
  VCPU_FACT_EXITS,
  VCPU_FACT_ID,
  VM_FACT_ID,
  VM_FACT_MEMORY,
  VM_FACT_VCPUS,
} from "../../build/gen/calls";
import { CNT_CTL_ENABLE } from "../../build/gen/controls";
import { FSC_EXTERNAL, ISS_FSC_MASK } from "../../build/gen/esr";
import { PTIMER_INTID, RAM_BASE, VTIMER_INTID } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as console from "../lib/console";
import * as gic from "../lib/gic";
import * as access from "../lib/hal/access";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as image from "../lib/hal/image";
import * as mmu from "../lib/mmu";
import * as power from "../lib/power";
import { IRQ, SYNC } from "../lib/vectors";

/** Another address for a page of RAM, behind everything else. */
const ALIAS: u64 = 0x4000000000;
const PATTERN: u64 = 0x48797065722d4c49;

@unmanaged
class Seen {
  /** The interrupt that came last, and the virtual count then. */
  intid: u32;
  /** An abort is expected; its syndrome and address. */
  expected: u32;
  esr: u64;
  far: u64;
  count: u64;
}
const seen = changetype<Seen>(memory.data(32, 8));

/** Tells where to go on. */
export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  if (kind == IRQ) {
    seen.count = cpu.count();
    const intid = gic.acknowledge();
    // The timer that fired is switched off: its line falls.
    if (intid == VTIMER_INTID) sysreg.writeCntvCtlEl0(0);
    if (intid == PTIMER_INTID) sysreg.writeCntpCtlEl0(0);
    cpu.isb();
    seen.intid = intid;
    gic.end(intid);
    return elr;
  }
  if (kind != SYNC || seen.expected == 0) power.unexpected(kind, esr, far, elr);
  seen.expected = 0;
  seen.esr = esr;
  seen.far = far;
  return elr + 4;
}

function vmFact(fact: u64): u64 {
  call.hvc(HL_VM_FACT, fact, 0, 0);
  return call.result(1);
}
function vcpuFact(fact: u64): u64 {
  call.hvc(HL_VCPU_FACT, fact, 0, 0);
  return call.result(1);
}

function greet(): void {
  const version = call.hvc(HL_VERSION, 0, 0, 0);
  console.line("hello", "from a guest of Hyper-LITE %d.%d.%d", version >> 32, (version >> 16) & 0xffff, version & 0xffff);
  console.line("machine", "VM %d, vCPU %d of %d", vmFact(VM_FACT_ID), vcpuFact(VCPU_FACT_ID), vmFact(VM_FACT_VCPUS));
  console.line("memory", "%d MiB at 0x%x", vmFact(VM_FACT_MEMORY) >> 20, RAM_BASE);
  const psci = call.hvc(PSCI_VERSION, 0, 0, 0);
  console.line("firmware", "PSCI %d.%d, device tree at 0x%x", psci >> 16, psci & 0xffff, image.argument());
}

/** HL_CONSOLE_WRITE takes its bytes from RAM: behind the image there is some. */
function sayByHypercall(s: string): void {
  const buffer = image.end() + 0x100000;
  for (let i = 0; i < s.length; i++) access.write8(buffer + i, s.charCodeAt(i));
  const written = call.hvc(HL_CONSOLE_WRITE, buffer, s.length, 0);
  console.line("hypercall", "%d bytes written", written);
}

function translate(): void {
  const page = image.end() + 0x200000;
  access.write64(page, PATTERN);
  mmu.init();
  mmu.mapPage(ALIAS, page, mmu.NORMAL);
  const same = access.read64(ALIAS) == PATTERN;
  console.line("mmu", same ? "on, 0x%x shows the memory at 0x%x" : "WRONG: 0x%x does not show 0x%x", ALIAS, page);
}

/** Waits for the interrupt that a timer was set for. */
function awaitInterrupt(intid: u32): void {
  cpu.mask();
  while (seen.intid != intid) {
    cpu.wfi();
    cpu.unmask();
    cpu.isb();
    cpu.mask();
  }
}

function microseconds(from: u64): u64 {
  return ((seen.count - from) * 1000000) / sysreg.readCntfrqEl0();
}

function interrupts(): void {
  gic.init();
  gic.enable(VTIMER_INTID);
  gic.enable(PTIMER_INTID);
  const millisecond = sysreg.readCntfrqEl0() / 1000;

  const virtualStart = cpu.count();
  sysreg.writeCntvCvalEl0(virtualStart + millisecond);
  sysreg.writeCntvCtlEl0(CNT_CTL_ENABLE);
  awaitInterrupt(VTIMER_INTID);
  const virtualTook = microseconds(virtualStart);
  console.line(
    "timer",
    virtualTook >= 1000 ? "virtual, interrupt %d" : "WRONG: interrupt %d came after %d us",
    VTIMER_INTID,
    virtualTook,
  );

  const physicalStart = sysreg.readCntpctEl0();
  sysreg.writeCntpCvalEl0(physicalStart + millisecond);
  sysreg.writeCntpCtlEl0(CNT_CTL_ENABLE);
  awaitInterrupt(PTIMER_INTID);
  const physicalTook = microseconds(physicalStart);
  console.line(
    "timer",
    physicalTook >= 1000 ? "physical, interrupt %d" : "WRONG: interrupt %d came after %d us",
    PTIMER_INTID,
    physicalTook,
  );
}

/** The address behind the RAM is mapped by our own MMU, but nobody gave it to us. */
function readBeyond(): void {
  const beyond = (RAM_BASE as u64) + vmFact(VM_FACT_MEMORY);
  seen.expected = 1;
  access.read64(beyond);
  const external = seen.expected == 0 && seen.far == beyond && (seen.esr & ISS_FSC_MASK) == FSC_EXTERNAL;
  console.line("abort", external ? "0x%x is not ours, and we are still here" : "WRONG: 0x%x, syndrome 0x%x", beyond, seen.esr);
}

export function main(fdt: u64): void {
  console.init();
  greet();
  sayByHypercall("hypercall these words came through the hypervisor\r\n");
  translate();
  interrupts();
  readBeyond();
  console.line("exits", "%d so far", vcpuFact(VCPU_FACT_EXITS));
  console.text("hello: done\r\n");
  power.off();
}
