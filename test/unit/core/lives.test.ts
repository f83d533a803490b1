// What a VM's clock, timers and input come to over resets, pauses, and vCPUs that go off and on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gicd } from "../../../abi/gic.ts";
import { guest as machine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { pl031 } from "../../../abi/pl031.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import { ec, type Guest } from "../../../sim/guest.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { call, id } from "./call.ts";

const { CNTP_CTL_EL0, CNTP_CVAL_EL0, ICC_SGI1R_EL1 } = trappedRegisters;
const ENTRY = BigInt(RAM_BASE + 0x8_0000);
const SECOND = 62_500_000n;
const PHYSICAL_TIMER = 30n;
/** Where stolen_time is in the structure of a vCPU (DEN0057, 4.2.2). */
const STOLEN_TIME = 8;
const { STOLEN_BASE } = machine;
/** SCTLR_EL1.C: the guest's caches are on. */
const SCTLR_C = 1n << 2n;
const ESR_HVC = (BigInt(ec.HVC) << 26n) | (1n << 25n);

const frameOf = (vcpu: number): number => machine.GICR_BASE + vcpu * machine.GICR_STRIDE + 0x1_0000;

/** Lets every interrupt of the distributor and of this vCPU through. */
const openInterrupts = (guest: Guest, vcpu = 0): void => {
  guest.store(machine.GICD_BASE, 2n);
  for (const base of [machine.GICD_BASE + 4, frameOf(vcpu)]) {
    guest.store(base + gicd.GICD_IGROUPR, 0xffff_ffffn);
    guest.store(base + gicd.GICD_ISENABLER, 0xffff_ffffn);
  }
  guest.openInterrupts();
};

/** An alarm of the clock so many seconds from now; returns what it shows now. */
const setAlarm = (guest: Guest, seconds: bigint): bigint => {
  const now = guest.load(machine.RTC_BASE);
  guest.store(machine.RTC_BASE + pl031.RTC_IMSC, 1n);
  guest.store(machine.RTC_BASE + pl031.RTC_MR, now + seconds);
  return now;
};

/** The guest's UART reads, with interrupts. */
const openUart = (guest: Guest): void => {
  openInterrupts(guest);
  guest.store(machine.UART_BASE + pl011.UART_CR, BigInt(pl011.CR_UARTEN | pl011.CR_RXE | pl011.CR_TXE));
  guest.store(machine.UART_BASE + pl011.UART_LCR_H, BigInt(pl011.LCR_FEN | 0x60));
  guest.store(machine.UART_BASE + pl011.UART_IMSC, BigInt(pl011.INT_RX | pl011.INT_RT));
};

test("the clock loses nothing by many resets", () => {
  const board = startSystem({ vms: [{}] });
  const start = board.running(0)!.load(machine.RTC_BASE);
  const from = board.counter.count;
  for (let n = 0; n < 100; n++) {
    board.run.advance((SECOND * 9n) / 10n);
    call(board.running(0)!, "PSCI_SYSTEM_RESET");
    board.run.settle();
  }
  const passed = (board.counter.count - from) / SECOND;
  const shown = board.running(0)!.load(machine.RTC_BASE) - start;
  assert.ok(passed - shown <= 1n && shown <= passed, `${shown} s of ${passed} s`);
});

test("an alarm of the clock does not come while a pause holds the VM's time, but when it would have", () => {
  const vms = [{ controller: true, affinity: [0] }, { affinity: [1] }];
  const board = startSystem({ cpus: 2, vms });
  const [controller, guest] = [board.running(0)!, board.running(1)!];
  openInterrupts(guest);
  const now = setAlarm(guest, 10n);
  board.run.advance(SECOND);
  assert.equal(call(controller, "HL_VM_PAUSE", 1), 0n);
  board.run.advance(60n * SECOND);
  assert.equal(call(controller, "HL_VM_RESUME", 1), 0n);
  assert.ok(guest.load(machine.RTC_BASE) - now <= 2n);
  assert.equal(guest.isSignalled, false);
  board.run.advance(10n * SECOND);
  assert.ok(guest.isSignalled);
});

test("an alarm of the clock comes though vCPU 0 was switched off and on meanwhile", () => {
  const board = startSystem({ cpus: 2, vms: [{ vcpus: 2 }] });
  const first = board.running(0, 0)!;
  openInterrupts(first);
  call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0);
  setAlarm(first, 10n);
  call(first, "PSCI_CPU_OFF");
  assert.equal(call(board.running(0, 1)!, "PSCI_CPU_ON_64", 0, ENTRY, 0), 0n);
  const again = board.running(0, 0)!;
  openInterrupts(again);
  assert.equal(again.isSignalled, false);
  board.run.advance(11n * SECOND);
  assert.ok(again.isSignalled);
});

test("the line of the physical timer is low when a vCPU is switched on again", () => {
  const board = startSystem({ cpus: 2, vms: [{ vcpus: 2 }] });
  const first = board.running(0, 0)!;
  openInterrupts(first);
  call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0);
  const second = board.running(0, 1)!;
  second.msr(CNTP_CVAL_EL0, 0n);
  second.msr(CNTP_CTL_EL0, 1n);
  call(second, "PSCI_CPU_OFF");
  assert.equal(call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0), 0n);
  const again = board.running(0, 1)!;
  openInterrupts(again, 1);
  assert.equal((again.load(frameOf(1) + gicd.GICD_ISPENDR) >> PHYSICAL_TIMER) & 1n, 0n);
  assert.equal(again.isSignalled, false);
});

test("an SGI that came while a vCPU was off is pending when it is on again", () => {
  const board = startSystem({ cpus: 2, vms: [{ vcpus: 2 }] });
  const first = board.running(0, 0)!;
  openInterrupts(first);
  call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0);
  openInterrupts(board.running(0, 1)!, 1);
  call(board.running(0, 1)!, "PSCI_CPU_OFF");
  first.msr(ICC_SGI1R_EL1, (5n << 24n) | 2n);
  assert.equal(call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0), 0n);
  const again = board.running(0, 1)!;
  again.openInterrupts();
  assert.equal(again.acknowledge(), 5);
});

test("a VM that resets has no stolen time of its former life", () => {
  const board = startSystem({ vms: [{}, {}] });
  board.run.advance(10n * SECOND);
  while (board.running(0) === undefined) board.run.advance(SECOND / 1000n);
  call(board.running(0)!, "PSCI_SYSTEM_RESET");
  while (board.running(0) === undefined) board.run.advance(SECOND / 1000n);
  const guest = board.running(0)!;
  guest.setSysreg("SCTLR_EL1", guest.sysreg("SCTLR_EL1") | SCTLR_C);
  assert.equal(call(guest, "PV_TIME_ST"), BigInt(STOLEN_BASE));
  const stolen = guest.load(STOLEN_BASE + STOLEN_TIME, { bytes: 8 });
  assert.ok(stolen < 100_000_000n, `${stolen} ns`);
});

for (const mode of ["lines", "terminal"] as const) {
  test(`what is typed while a VM is filled anew is for its next life (${mode})`, () => {
    const vms = [
      { name: "alpha", affinity: [0] },
      { name: "beta", affinity: [1], controller: true },
    ];
    const board = startSystem({ cpus: 2, console: mode, vms });
    openUart(board.running(0)!);
    const beta = board.running(1)!;
    // The reset, of which alpha's CPU knows nothing yet when the line brings something.
    for (const [n, value] of [id("HL_VM_RESET"), 0n].entries()) beta.setX(n, value);
    beta.trap(ESR_HVC);
    board.uart.type("hello");
    board.run.settle();
    const again = board.running(0)!;
    openUart(again);
    board.run.settle();
    let text = "";
    while ((again.load(machine.UART_BASE + pl011.UART_FR, { rt: 4 }) & BigInt(pl011.FR_RXFE)) === 0n)
      text += String.fromCharCode(Number(again.load(machine.UART_BASE + pl011.UART_DR, { rt: 4 })));
    assert.equal(text, "hello");
  });
}
