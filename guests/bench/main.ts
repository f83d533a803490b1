// What things cost a guest, in ticks of its counter: with QEMU's `-icount shift=0` and a counter of 1 GHz a tick is an instruction. Each
// operation is done SAMPLES times; the line of a sample is one turn of the loop around it, the loop's own dozen instructions included. For
// interrupts that a timer brings it is the time from the deadline to the program behind the handler.
//
// Prints `bench NAME VALUE COUNT` for every value that came up, in order: bench/run.ts reads that.

import {
  HL_DOORBELL,
  HL_NULL,
  HL_VM_CREATE,
  HL_VM_FACT,
  HL_VM_START,
  HL_VM_STOP,
  HL_YIELD,
  PSCI_VERSION,
  VM_FACT_START_COUNT,
  VM_OFF,
  VM_RUNNING,
} from "../../build/gen/calls";
import { CNT_CTL_ENABLE } from "../../build/gen/controls";
import { FIRST_SPI, GICD_TYPER } from "../../build/gen/gic";
import { DOORBELL_SPI, GICD_BASE, UART_BASE, VTIMER_INTID } from "../../build/gen/guest";
import { UART_FR } from "../../build/gen/pl011";
import { BLOCK_HEADER, BLOCK_T_IN, DESC_F_NEXT, DESC_F_WRITE, F_EVENT_IDX } from "../../build/gen/virtio";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as bootargs from "../lib/bootargs";
import * as console from "../lib/console";
import * as control from "../lib/control";
import * as gic from "../lib/gic";
import * as access from "../lib/hal/access";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as image from "../lib/hal/image";
import * as mmu from "../lib/mmu";
import * as power from "../lib/power";
import * as smp from "../lib/smp";
import { IRQ } from "../lib/vectors";
import * as virtio from "../lib/virtio";
import { Queue } from "../lib/virtio";

const SAMPLES: u32 = 4096;
const SGI: u32 = 1;
/** The VMs beside this one: their command lines say what they do when they are started. */
const BELL: u32 = FIRST_SPI + DOORBELL_SPI;
const YIELDS: u64 = 1;
const ANSWERS: u64 = 2;
/** Ticks from setting a timer to its deadline: spinning, and in WFI (200 µs). */
const SPIN_TICKS: u64 = 5000;
const SLEEP_TICKS: u64 = 200000;

const queue = changetype<Queue>(memory.data(64, 8));
/** Interrupts that the handler has ended. */
const handled: usize = memory.data(4, 4);

/** Samples of 32 bits, and the memory that nothing has touched yet: behind the image. */
function sampleAt(n: u32): u64 {
  return image.end() + 0x100000 + ((n as u64) << 2);
}
function freshPage(n: u32): u64 {
  return image.end() + 0x200000 + ((n as u64) << 12);
}

export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  if (kind != IRQ) power.unexpected(kind, esr, far, elr);
  const intid = gic.acknowledge();
  if (intid == VTIMER_INTID) sysreg.writeCntvCtlEl0(0);
  gic.end(intid);
  store<u32>(handled, load<u32>(handled) + 1);
  return elr;
}

/** Ends a turn of a loop: notes the time since `last`, returns the time now. */
function lap(n: u32, last: u64): u64 {
  const now = cpu.count();
  access.write32(sampleAt(n), (now - last) as u32);
  return now;
}

/** Shell's sort of the samples, with gaps of a third each. */
function sort(): void {
  for (let gap: u32 = 1093; gap != 0; gap /= 3) {
    for (let n = gap; n < SAMPLES; n++) {
      const value = access.read32(sampleAt(n));
      let at = n;
      while (at >= gap && access.read32(sampleAt(at - gap)) > value) {
        access.write32(sampleAt(at), access.read32(sampleAt(at - gap)));
        at -= gap;
      }
      access.write32(sampleAt(at), value);
    }
  }
}

function report(name: string): void {
  sort();
  let first: u32 = 0;
  for (let n: u32 = 1; n <= SAMPLES; n++) {
    if (n != SAMPLES && access.read32(sampleAt(n)) == access.read32(sampleAt(first))) continue;
    console.text("bench ");
    console.text(name);
    console.put(0x20);
    console.decimal(access.read32(sampleAt(first)));
    console.put(0x20);
    console.decimal(n - first);
    console.newLine();
    first = n;
  }
}

function empty(): void {
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) last = lap(n, last);
  report("empty-loop");
}

function nullCall(): void {
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    call.plain(HL_NULL);
    last = lap(n, last);
  }
  report("null-hypercall");
}

function psciVersion(): void {
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    call.plain(PSCI_VERSION);
    last = lap(n, last);
  }
  report("psci-version");
}

function idRegister(): void {
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    sysreg.readIdAa64pfr0El1();
    last = lap(n, last);
  }
  report("id-register");
}

function uartRead(): void {
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    access.read32(UART_BASE + UART_FR);
    last = lap(n, last);
  }
  report("uart-read");
}

function distributorRead(): void {
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    access.read32(GICD_BASE + GICD_TYPER);
    last = lap(n, last);
  }
  report("distributor-read");
}

function sgiToSelf(): void {
  gic.enable(SGI);
  cpu.unmask();
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    const before = load<u32>(handled);
    gic.send(SGI, 1);
    while (load<u32>(handled) == before) cpu.isb();
    last = lap(n, last);
  }
  cpu.mask();
  report("sgi-to-self");
}

/** Sets the virtual timer; returns its deadline. */
function setTimer(ticks: u64): u64 {
  const deadline = cpu.count() + ticks;
  sysreg.writeCntvCvalEl0(deadline);
  sysreg.writeCntvCtlEl0(CNT_CTL_ENABLE);
  return deadline;
}

function timerSpinning(): void {
  gic.enable(VTIMER_INTID);
  cpu.unmask();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    const before = load<u32>(handled);
    const deadline = setTimer(SPIN_TICKS);
    while (load<u32>(handled) == before) cpu.isb();
    lap(n, deadline);
  }
  cpu.mask();
  report("timer-spinning");
}

function timerInWfi(): void {
  cpu.unmask();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    const before = load<u32>(handled);
    const deadline = setTimer(SLEEP_TICKS);
    while (load<u32>(handled) == before) cpu.wfi();
    lap(n, deadline);
  }
  cpu.mask();
  report("wfi-timer");
}

function firstTouch(): void {
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    access.write64(freshPage(n), n);
    last = lap(n, last);
  }
  report("first-touch");
}

/** Waits in WFI for one more interrupt than `before`. */
function awaitInterrupt(before: u32): void {
  while (load<u32>(handled) == before) {
    cpu.wfi();
    cpu.unmask();
    cpu.isb();
    cpu.mask();
  }
}

/** The second CPU: answers each SGI by one. */
export function onCpu(context: u64, leftovers: u64): void {
  mmu.initCpu();
  gic.initCpu();
  gic.enable(SGI);
  for (;;) {
    cpu.wfi();
    const intid = gic.acknowledge();
    if (intid != SGI) continue;
    gic.end(intid);
    gic.send(SGI, 1);
  }
}

/** There and back between two vCPUs on one CPU, each asleep while the other one works. */
function sgiPingPong(): void {
  smp.start(1, 0);
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    const before = load<u32>(handled);
    gic.send(SGI, 2);
    awaitInterrupt(before);
    last = lap(n, last);
  }
  report("sgi-ping-pong");
}

function begin(vm: u64): void {
  control.order(HL_VM_CREATE, vm);
  control.order(HL_VM_START, vm);
  control.awaitState(vm, VM_RUNNING);
}
function end(vm: u64): void {
  control.order(HL_VM_STOP, vm);
  control.awaitState(vm, VM_OFF);
}

/** Two VMs give way to each other: a turn is two switches, and each one's part of the loop. */
function vcpuSwitch(): void {
  begin(YIELDS);
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    call.plain(HL_YIELD);
    const now = cpu.count();
    access.write32(sampleAt(n), ((now - last) >> 1) as u32);
    last = now;
  }
  end(YIELDS);
  report("vcpu-switch");
}

/** A doorbell to a VM that sleeps, which rings back. */
function doorbell(): void {
  gic.enableShared(BELL, true, 0);
  begin(ANSWERS);
  // It rings when it is ready.
  awaitInterrupt(load<u32>(handled));
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    const before = load<u32>(handled);
    call.hvc(HL_DOORBELL, 0, 0, 0);
    awaitInterrupt(before);
    last = lap(n, last);
  }
  end(ANSWERS);
  report("doorbell-round-trip");
}

/** A read of 4 KiB from a disk in RAM, from the driver's last word to the device's. */
function blockRead(): void {
  const base = virtio.begin(0, F_EVENT_IDX);
  virtio.open(queue, base, 0, 16, freshPage(0));
  virtio.start(base);
  const header = freshPage(8);
  access.write64(header, BLOCK_T_IN);
  access.write64(header + 8, 0);
  virtio.describe(queue, 0, header, BLOCK_HEADER, DESC_F_NEXT);
  virtio.describe(queue, 1, freshPage(9), 4096, DESC_F_NEXT | DESC_F_WRITE);
  virtio.describe(queue, 2, header + BLOCK_HEADER, 1, DESC_F_WRITE);
  let last = cpu.count();
  for (let n: u32 = 0; n < SAMPLES; n++) {
    virtio.submit(queue, 0);
    while (!virtio.isDone(queue)) {}
    last = lap(n, last);
  }
  report("block-read");
}

/** What the VMs beside the one that measures do, for ever. */
function yields(): void {
  for (;;) call.plain(HL_YIELD);
}
function answers(): void {
  gic.enableShared(BELL, true, 0);
  for (;;) {
    call.hvc(HL_DOORBELL, 0, 0, 0);
    awaitInterrupt(load<u32>(handled));
  }
}

export function main(fdt: u64): void {
  console.init();
  mmu.init();
  gic.init();
  if (bootargs.is("run", "yield")) yields();
  if (bootargs.is("run", "answer")) answers();
  call.hvc(HL_VM_FACT, VM_FACT_START_COUNT, 0, 0);
  console.line("start", "%d", call.result(1));
  empty();
  nullCall();
  psciVersion();
  idRegister();
  uartRead();
  distributorRead();
  sgiToSelf();
  timerSpinning();
  timerInWfi();
  firstTouch();
  sgiPingPong();
  vcpuSwitch();
  doorbell();
  blockRead();
  console.text("bench: done\r\n");
  power.off();
}
