// The interrupt sanitizer (sim/delivery/): bugs by which an interrupt of a guest would be lost, come twice, too late or to another vCPU, each with what it says
// of them, on CPUs with two, four and sixteen list registers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gicd, gicr } from "../../../abi/gic.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { pl031 } from "../../../abi/pl031.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import { cortexA57, max } from "../../../sim/cpu-model.ts";
import type { Guest } from "../../../sim/guest.ts";
import { start, startSystem } from "../../../sim/start.ts";
import { type Change, plantedCore } from "../planted.ts";
import { reportOf } from "./load.ts";

const SEEDS = 60;
const LISTS = "devices/vgic-lists.ts";
const VGIC = "devices/vgic.ts";
const REGISTERS = "devices/vgic-registers.ts";

const change = (file: string, find: string, replace: string): Change => ({ file: `src/${file}`, find, replace });

const bugs: Readonly<Record<string, readonly [Change, RegExp]>> = {
  "what was latched in a list register is forgotten": [
    change(LISTS, "    if ((value & LR_PENDING) != 0) word.latch |= bit & word.listedLatch;\n", ""),
    /is pending|is not pending, and reads|is pending, and reads/,
  ],
  "what is taken stays pending": [
    change(
      LISTS,
      "if ((value & LR_PENDING) != 0) word.latch |= bit & word.listedLatch;",
      "word.latch |= bit & word.listedLatch;",
    ),
    /INTID \d+ .* is offered, and is not pending|INTID \d+ is not pending, and reads otherwise/,
  ],
  "an end is not seen": [
    change(LISTS, "word.active = isActive ? word.active | bit : word.active & ~bit;", "if (isActive) word.active |= bit;"),
    /is active in a list register, and was not taken|is not active, and reads otherwise|is pending/,
  ],
  "the least urgent first": [
    change(
      LISTS,
      "      if (rank >= best) continue;\n      best = rank;\n      intid =",
      "      if (intid != NONE && rank < best) continue;\n      best = rank;\n      intid =",
    ),
    /waits behind one that is less urgent|would be taken now|is taken before/,
  ],
  "nobody asks for what has found no place": [
    change(LISTS, "  if (intid != NONE) askForMore(vcpu, groups);\n", ""),
    /is pending, no list register has it, and nothing asks for it/,
  ],
  "a disabled interrupt is let through": [
    change(LISTS, "return pendingOf(word) & word.enabled &", "return pendingOf(word) &"),
    /is offered, and is disabled/,
  ],
  "a group that is not forwarded is let through": [
    change(LISTS, "word.enabled & inGroups(word, vm.gicEnable)", "word.enabled"),
    /is offered, and is disabled/,
  ],
  "all are offered in group 1": [
    change(LISTS, "if ((word.group & mask) != 0) value |= LR_GROUP1;", "value |= LR_GROUP1;"),
    /is offered in the other group/,
  ],
  "another one's priority": [
    change(
      LISTS,
      "(priorityOf(word, bit) as u64) << LR_PRIORITY_SHIFT",
      "(priorityOf(word, bit ^ 1) as u64) << LR_PRIORITY_SHIFT",
    ),
    /is offered at priority \d+, and has \d+/,
  ],
  "an SGI to oneself is lost": [
    change(
      VGIC,
      "vcpu.irqs.latch |= bit & (group1 ? vcpu.irqs.group : ~vcpu.irqs.group);",
      "vcpu.irqs.latch |= bit & (group1 ? 0 : ~vcpu.irqs.group);",
    ),
    /is pending/,
  ],
  "an SGI of the other group goes through": [
    change(
      VGIC,
      "vcpu.irqs.latch |= atomic.swap32(at, 0) & vcpu.irqs.group & INBOX_SGIS;",
      "vcpu.irqs.latch |= atomic.swap32(at, 0) & INBOX_SGIS;",
    ),
    /is offered, and is not pending|is not pending, and reads otherwise/,
  ],
  "an SGI to all reaches the sender too": [
    change("devices/sgi.ts", "present & ~((1 as u32) << vcpu.id)", "present"),
    /is offered, and is not pending|is not pending, and reads otherwise/,
  ],
  "a doorbell rings once": [
    change(
      VGIC,
      "  if ((word.latch & bit) != 0) return false;\n  word.latch |= bit;\n",
      "  if ((word.latch & bit) != 0) return false;\n  if ((word.enabled & bit) == 0) word.latch |= bit;\n",
    ),
    /INTID 36 .* is pending/,
  ],
  "the physical timer is seen at its next write": [
    change(
      "devices/vtimer.ts",
      "  vgic.setPrivateLine(vcpu, PTIMER_INTID, fires);\n",
      "  if (!fires) vgic.setPrivateLine(vcpu, PTIMER_INTID, false);\n",
    ),
    /INTID 30 (of .* )?is pending/,
  ],
  "the virtual timer is taken, and nobody is told": [
    change(
      VGIC,
      "  vcpu.irqs.level |= (1 as u32) << VTIMER_INTID;\n  look(vcpu);",
      "  vcpu.irqs.level |= (1 as u32) << VTIMER_INTID;",
    ),
    /is pending/,
  ],
  "a write of ISPENDR is told to nobody": [
    change(
      REGISTERS,
      "    case GICD_ISPENDR:\n      word.latch |= value;",
      "    case GICD_ISPENDR:\n      word.latch |= value & ~word.enabled;",
    ),
    /is pending/,
  ],
  "ICPENDR of the first bit alone": [
    change(REGISTERS, "word.latch &= ~value;", "word.latch &= ~(value & 1);"),
    /is offered, and is not pending|is not pending, and reads otherwise/,
  ],
  "a new target is not told": [change(REGISTERS, "  vgic.lookShared(vcpu.vm, word, bits);\n", ""), /is pending|is offered/],
};

/** What a load seldom brings about: more than fits into few list registers, in a certain order. */
const rare: Readonly<Record<string, readonly [Change, RegExp]>> = {
  "an SGI wakes nobody": [
    change("devices/inbox.ts", "VcpuState.BLOCKED && sched.wake(vcpu)", "VcpuState.BLOCKED"),
    /INTID 3 .* is pending/,
  ],
  "a group that is let through later is told to nobody": [
    change(LISTS, "LRENPIE | next | changes", "LRENPIE | next"),
    /would be taken now, and no list register has it|is pending, and is not delivered/,
  ],
  "the next one is asked for too late": [
    change(LISTS, "mostUrgent(vcpu, groups, false) != NONE ? NPIE : 0", "0"),
    /would be taken now, and no list register has it|is pending, and is not delivered/,
  ],
  "an end of what no list register has is seen by nobody": [
    change(LISTS, "    deactivate(vcpu, bestWord, (1 as u32) << bestBit);\n", ""),
    /is active in a list register, and was not taken|is not active, and reads otherwise/,
  ],
  "a device's line rises, and nobody is told": [
    change(VGIC, "  lookShared(vm, word, bit);\n}", "  if (!high) lookShared(vm, word, bit);\n}"),
    /INTID 34 .* is pending/,
  ],
  "a device's line falls, and nobody is told": [
    change(VGIC, "  lookShared(vm, word, bit);\n}", "  if (high) lookShared(vm, word, bit);\n}"),
    /INTID 34 .* is offered, and is not pending/,
  ],
  "input makes no interrupt": [
    change("devices/vuart.ts", "console.showLine(vm.id);\n  updateLine(vm, uart);\n", "console.showLine(vm.id);\n"),
    /INTID 33 .* is pending/,
  ],
  "an end of nothing is kept for what is active later": [
    change(LISTS, "  if ((hcr & LRENPIE) == 0) return;\n", ""),
    /INTID 70 is active, and reads otherwise/,
  ],
};

for (const [n, [name, [planted, message]]] of Object.entries(bugs).entries()) {
  test(`reported: ${name}`, async () => {
    const wasm = await plantedCore(`interrupts-${n}`, [planted]);
    assert.match(reportOf(SEEDS, { wasm }) ?? "no report", message);
  });
}

for (const listRegisters of [2, 4, 16]) {
  test(`the core as it is gives no report, with ${listRegisters} list registers`, () => {
    assert.equal(reportOf(SEEDS / 2, { model: { ...max, listRegisters } }), undefined);
  });
}

/** Interrupts of a guest in group 1, and of group 0 those that `zero` has; all enabled. */
const open = (listRegisters: number, wasm?: WebAssembly.Module, zero = 0n): Guest => {
  const guest = start({ machine: { cpu: { ...cortexA57, listRegisters }, ...(wasm && { wasm }) } });
  const at = guestMachine.GICD_BASE + 4;
  guest.store(guestMachine.GICD_BASE, 3n);
  guest.store(at + gicd.GICD_IGROUPR, 0xffff_ffffn & ~zero);
  guest.store(at + gicd.GICD_ISENABLER, 0xffff_ffffn);
  guest.store(guestMachine.GICR_BASE + gicr.GICR_SGI_FRAME + gicd.GICD_IGROUPR, 0xffff_ffffn);
  guest.openInterrupts();
  return guest;
};

const scenarios: Readonly<Record<string, (listRegisters: number, wasm?: WebAssembly.Module) => void>> = {
  "active interrupts that were never taken keep none from coming": (listRegisters, wasm) => {
    const guest = open(listRegisters, wasm);
    guest.store(guestMachine.GICD_BASE + 4 + gicd.GICD_ISACTIVER, 0xffff_0000n);
    for (const intid of [40, 41]) guest.store(guestMachine.GICD_BASE + gicd.GICD_IPRIORITYR + intid, 0x80n, { bytes: 1 });
    guest.store(guestMachine.GICD_BASE + 4 + gicd.GICD_ISPENDR, 0x300n);
    for (const intid of [40, 41]) {
      assert.equal(guest.acknowledge(), intid);
      guest.end(intid);
    }
  },
  "a group that the guest's interface holds back keeps none of the other from coming": (listRegisters, wasm) => {
    const guest = open(listRegisters, wasm, 0xff00n);
    guest.store(guestMachine.GICD_BASE + gicd.GICD_IPRIORITYR + 52, 0x80n, { bytes: 1 });
    guest.store(guestMachine.GICD_BASE + 4 + gicd.GICD_ISPENDR, (1n << 20n) | 0xff00n);
    assert.equal(guest.acknowledge(), 52);
    guest.cpu.virtual.enableGroup(0, true);
    guest.poll();
    assert.equal(guest.cpu.virtual.acknowledge(0), 40);
  },
  "one group is let through in place of the other": (listRegisters, wasm) => {
    const guest = open(listRegisters, wasm, 0xff00n);
    guest.store(guestMachine.GICD_BASE + 4 + gicd.GICD_ISPENDR, 0xff_ff00n);
    guest.cpu.virtual.enableGroup(1, false);
    guest.cpu.virtual.enableGroup(0, true);
    guest.poll();
    assert.equal(guest.cpu.virtual.acknowledge(0), 40);
  },
  "an interrupt comes in between of two that run, when the more urgent one has ended": (listRegisters, wasm) => {
    const guest = open(listRegisters, wasm);
    guest.cpu.virtual.priorityMask = 0xff;
    const intids = Array.from({ length: listRegisters + 2 }, (_, n) => 40 + n);
    for (const [n, intid] of intids.entries())
      guest.store(guestMachine.GICD_BASE + gicd.GICD_IPRIORITYR + intid, BigInt(0xf0 - 16 * n), { bytes: 1 });
    const pend = (...all: readonly number[]): void =>
      guest.store(
        guestMachine.GICD_BASE + 4 + gicd.GICD_ISPENDR,
        all.reduce((word, intid) => word | (1n << BigInt(intid - 32)), 0n),
      );
    const [between, last] = [intids.at(-2)!, intids.at(-1)!];
    for (const intid of intids.slice(0, -2)) {
      pend(intid);
      assert.equal(guest.acknowledge(), intid);
    }
    pend(between, last);
    assert.equal(guest.acknowledge(), last);
    guest.poll();
    guest.end(last);
    assert.equal(guest.acknowledge(), between);
  },
  "what has been taken ends, though others have the list registers": (listRegisters, wasm) => {
    const guest = open(listRegisters, wasm);
    const at = guestMachine.GICD_BASE + 4;
    // More urgent ones that were never taken are active in all but one, which is kept for the next that may come.
    guest.store(at + gicd.GICD_ISACTIVER, ((1n << BigInt(listRegisters - 1)) - 1n) << 16n);
    for (const intid of [40, 41]) guest.store(guestMachine.GICD_BASE + gicd.GICD_IPRIORITYR + intid, 0x80n, { bytes: 1 });
    guest.store(at + gicd.GICD_ISPENDR, 1n << 8n);
    assert.equal(guest.acknowledge(), 40);
    guest.store(at + gicd.GICD_ISPENDR, 1n << 9n);
    guest.end(40);
    assert.equal(guest.load(at + gicd.GICD_ISACTIVER) & (1n << 8n), 0n);
    assert.equal(guest.acknowledge(), 41);
  },
  "a line of a device rises and falls": (listRegisters, wasm) => {
    const guest = open(listRegisters, wasm);
    const { RTC_BASE } = guestMachine;
    guest.store(RTC_BASE + pl031.RTC_IMSC, 1n);
    guest.store(RTC_BASE + pl031.RTC_MR, 0n);
    assert.ok(guest.isSignalled);
    guest.store(RTC_BASE + pl031.RTC_ICR, 1n);
    assert.equal(guest.acknowledge(), 1023);
  },
  "input comes": (listRegisters, wasm) => {
    const guest = open(listRegisters, wasm);
    const { UART_BASE } = guestMachine;
    guest.store(UART_BASE + pl011.UART_CR, BigInt(pl011.CR_UARTEN | pl011.CR_RXE));
    guest.store(UART_BASE + pl011.UART_IMSC, BigInt(pl011.INT_RX));
    guest.machine.uart.type("a");
    guest.poll();
    assert.equal(guest.acknowledge(), 33);
    assert.equal(guest.load(UART_BASE + pl011.UART_DR), BigInt("a".charCodeAt(0)));
    guest.end(33);
    assert.equal(guest.acknowledge(), 1023);
  },
  "the end of an interrupt that was made inactive before ends no other": (listRegisters, wasm) => {
    const guest = open(listRegisters, wasm);
    const at = guestMachine.GICD_BASE + 4;
    guest.store(at + gicd.GICD_ISPENDR, 1n << 8n);
    assert.equal(guest.acknowledge(), 40);
    guest.store(at + gicd.GICD_ICACTIVER, 1n << 8n);
    guest.end(40);
    guest.store(at + 4 + gicd.GICD_ISACTIVER, 1n << 6n);
    guest.load(at + 4 + gicd.GICD_ISACTIVER);
  },
  "an SGI wakes who sleeps": (listRegisters, wasm) => {
    const cpu = { ...cortexA57, listRegisters };
    const machine = startSystem({ cpus: 2, machine: { cpu, ...(wasm && { wasm }) }, vms: [{ vcpus: 2 }] });
    const first = machine.running(0)!;
    first.store(guestMachine.GICD_BASE, 2n);
    first.hvc(0xc400_0003n, 1n, BigInt(guestMachine.RAM_BASE), 0n);
    const second = machine.running(0, 1)!;
    const frame = guestMachine.GICR_BASE + guestMachine.GICR_STRIDE + gicr.GICR_SGI_FRAME;
    second.store(frame + gicd.GICD_IGROUPR, 0xffff_ffffn);
    second.store(frame + gicd.GICD_ISENABLER, 0xffff_ffffn);
    second.openInterrupts();
    second.hvc(0xc400_0001n, 0n, 0n, 0n);
    assert.equal(second.where, undefined);
    first.msr(trappedRegisters.ICC_SGI1R_EL1, (3n << 24n) | 2n);
    assert.equal(second.acknowledge(), 3);
  },
};

for (const [name, scenario] of Object.entries(scenarios)) {
  for (const listRegisters of [2, 4]) test(`${listRegisters} list registers: ${name}`, () => scenario(listRegisters));
}

for (const [n, [name, [planted, message]]] of Object.entries(rare).entries()) {
  test(`reported: ${name}`, async () => {
    const wasm = await plantedCore(`interrupts-rare-${n}`, [planted]);
    const reports = Object.values(scenarios).map((scenario) => {
      try {
        for (const listRegisters of [2, 4]) scenario(listRegisters, wasm);
      } catch (error) {
        return String(error);
      }
      return "no report";
    });
    assert.match(reports.join("\n"), message);
  });
}
