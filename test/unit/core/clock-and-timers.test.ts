// The guest's time: its clock, a PL031 (Arm DDI 0224); the virtual timer, linked to the board's; the physical timer, emulated (Arm ARM D11.2).

import assert from "node:assert/strict";
import { test } from "node:test";
import { gicd } from "../../../abi/gic.ts";
import { guest as machine } from "../../../abi/guest.ts";
import { pl031, pl031Ids } from "../../../abi/pl031.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Hal } from "../../../sim/hal.ts";
import { intids } from "../../../sim/interrupts.ts";
import { type StartOptions, start } from "../../../sim/start.ts";
import { call } from "./call.ts";

const { CNTPCT_EL0, CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTP_TVAL_EL0 } = trappedRegisters;
const SGI = machine.GICR_BASE + 0x1_0000;
const D = machine.GICD_BASE;
const SECOND = 62_500_000n;
const NONE = 1023;
const MAX = 0xffff_ffff_ffff_ffffn;

const at = (count = 1000n, options: StartOptions = {}): Guest => {
  const guest = start(options);
  guest.machine.timer.advance(count);
  guest.store(machine.GICR_BASE + 0x14, 0n);
  guest.store(D, 2n);
  for (const base of [SGI, D + 4]) {
    guest.store(base + 0x80, 0xffff_ffffn);
    guest.store(base + 0x100, 0xffff_ffffn);
  }
  guest.openInterrupts();
  return guest;
};

const clock = (guest: Guest, offset: number): number => Number(guest.load(machine.RTC_BASE + offset, { rt: 4 }));
const setClock = (guest: Guest, offset: number, value: number): void =>
  guest.store(machine.RTC_BASE + offset, BigInt(value), { rt: 5 });

// --- the board's

test("the count is read behind a barrier, not ahead, and what is armed holds for whatever comes next", () => {
  const calls: string[] = [];
  const told = (functions: Hal[string]): Hal[string] =>
    Object.fromEntries(
      Object.entries(functions).map(([name, call]) => [
        name,
        (...args: never[]) => {
          calls.push(name);
          return call(...args);
        },
      ]),
    );
  const wrapHal = (hal: Hal): Hal => ({ ...hal, sysreg: told(hal.sysreg!), barrier: told(hal.barrier!) });
  const guest = at(1000n, { machine: { wrapHal } });
  calls.length = 0;
  guest.mrs(CNTPCT_EL0);
  guest.msr(CNTP_CVAL_EL0, 1000n * SECOND);
  guest.msr(CNTP_CTL_EL0, 1n);
  call(guest, "PSCI_CPU_SUSPEND_64", 0, 0, 0);
  const [reads, arms] = ["readCntpctEl0", "writeCnthpCtlEl2"].map((name) =>
    calls.flatMap((call, n) => (call === name ? [n] : [])),
  );
  assert.ok(reads!.length > 0 && arms!.length > 0, calls.join(" "));
  for (const n of reads!) assert.equal(calls[n - 1], "isb");
  for (const n of arms!) assert.equal(calls[n + 1], "isb");
});

// --- the clock

test("the clock identifies itself and shows the board's time, going on with the count", () => {
  const guest = start();
  assert.deepEqual(
    pl031Ids.map((_, n) => clock(guest, pl031.RTC_PERIPH_ID + 4 * n)),
    pl031Ids,
  );
  assert.equal(clock(guest, pl031.RTC_DR), 1_700_000_000);
  guest.spin(90n * SECOND);
  assert.equal(clock(guest, pl031.RTC_DR), 1_700_000_090);
  assert.equal(clock(guest, pl031.RTC_CR), 1);
});

test("without a clock on the board it starts in 1970", () => {
  assert.equal(clock(start({ board: { clock: false } }), pl031.RTC_DR), 0);
});

test("the guest sets its own clock, and nobody else's", () => {
  const guest = at();
  setClock(guest, pl031.RTC_LR, 5000);
  assert.equal(clock(guest, pl031.RTC_DR), 5000);
  assert.equal(clock(guest, pl031.RTC_LR), 5000);
  guest.spin(7n * SECOND);
  assert.equal(clock(guest, pl031.RTC_DR), 5007);
  assert.equal(guest.machine.clock.seconds, 1_700_000_000);
});

test("an alarm comes when the clock matches, once", () => {
  const guest = at();
  setClock(guest, pl031.RTC_IMSC, 1);
  setClock(guest, pl031.RTC_MR, 1_700_000_005);
  guest.spin(4n * SECOND);
  assert.equal(guest.isSignalled, false);
  guest.spin(2n * SECOND);
  assert.equal(guest.acknowledge(), intids.RTC);
  assert.deepEqual(
    [pl031.RTC_RIS, pl031.RTC_MIS].map((offset) => clock(guest, offset)),
    [1, 1],
  );
  setClock(guest, pl031.RTC_ICR, 1);
  guest.end(intids.RTC);
  guest.spin(60n * SECOND);
  assert.equal(guest.isSignalled, false);
});

test("a masked alarm is there for whoever asks", () => {
  const guest = at();
  setClock(guest, pl031.RTC_MR, 1);
  assert.equal(clock(guest, pl031.RTC_RIS), 1);
  assert.equal(clock(guest, pl031.RTC_MIS), 0);
  assert.equal(guest.isSignalled, false);
});

test("the clock's unknown registers read as zero and ignore writes", () => {
  const guest = at();
  for (let offset = 0x20; offset < pl031.RTC_PERIPH_ID; offset += 4) {
    setClock(guest, offset, 0xffff_ffff);
    assert.equal(clock(guest, offset), 0);
  }
});

// --- the counter

test("the VM's count starts at zero, and CNTPCT and CNTVCT agree", () => {
  const guest = start();
  assert.equal(guest.mrs(CNTPCT_EL0), 0n);
  guest.spin(12_345n);
  assert.equal(guest.mrs(CNTPCT_EL0), 12_345n);
  assert.equal(guest.machine.timer.virtualCount, 12_345n);
});

test("the count is not the guest's to write", () => {
  const guest = at();
  guest.setSysreg("VBAR_EL1", 0x4010_0000n);
  guest.msr(CNTPCT_EL0, 0n);
  assert.equal(guest.sysreg("ESR_EL1"), 1n << 25n);
});

// --- the physical timer

const CTL = { ENABLE: 1n, IMASK: 2n, ISTATUS: 4n };
const now = (guest: Guest): bigint => guest.mrs(CNTPCT_EL0, 6);

test("the physical timer fires at its compare value, and is high until that changes", () => {
  const guest = at();
  guest.msr(CNTP_CVAL_EL0, now(guest) + 500n);
  guest.msr(CNTP_CTL_EL0, CTL.ENABLE);
  assert.equal(guest.mrs(CNTP_CTL_EL0), CTL.ENABLE);
  guest.spin(499n);
  assert.equal(guest.isSignalled, false);
  guest.spin(1n);
  assert.equal(guest.acknowledge(), machine.PTIMER_INTID);
  assert.equal(guest.mrs(CNTP_CTL_EL0), CTL.ENABLE | CTL.ISTATUS);
  guest.end(machine.PTIMER_INTID);
  assert.equal(guest.acknowledge(), machine.PTIMER_INTID, "the line is high still");
  guest.msr(CNTP_CVAL_EL0, now(guest) + 500n);
  guest.end(machine.PTIMER_INTID);
  assert.equal(guest.isSignalled, false);
});

test("a compare value in the past fires at once", () => {
  const guest = at();
  guest.msr(CNTP_CVAL_EL0, 0n);
  guest.msr(CNTP_CTL_EL0, CTL.ENABLE);
  assert.equal(guest.acknowledge(), machine.PTIMER_INTID);
});

test("a compare value at the end of time never fires", () => {
  const guest = at();
  for (const compare of [MAX, MAX - 1n, 1n << 63n]) {
    guest.msr(CNTP_CVAL_EL0, compare);
    guest.msr(CNTP_CTL_EL0, CTL.ENABLE);
    assert.equal(guest.mrs(CNTP_CTL_EL0), CTL.ENABLE);
    guest.spin(1000n * SECOND);
    assert.equal(guest.isSignalled, false);
  }
});

test("at the end of time it never fires either when the VM's count is not the board's", () => {
  const guest = at();
  guest.spin(1000n);
  guest.hvc(0x8400_0009n);
  assert.notEqual(guest.machine.timer.offset, 0n);
  guest.msr(CNTP_CVAL_EL0, MAX);
  guest.msr(CNTP_CTL_EL0, CTL.ENABLE);
  assert.equal(guest.machine.timer.hypervisorLine, false);
  assert.equal(guest.machine.timer.hypervisor.control, 0);
});

test("disabled or masked, it fires no interrupt; masked, its status shows", () => {
  const guest = at();
  guest.msr(CNTP_CVAL_EL0, 0n);
  for (const [control, reads] of [
    [0n, 0n],
    [CTL.IMASK, CTL.IMASK],
    [CTL.ENABLE | CTL.IMASK, CTL.ENABLE | CTL.IMASK | CTL.ISTATUS],
  ] as const) {
    guest.msr(CNTP_CTL_EL0, control);
    assert.equal(guest.mrs(CNTP_CTL_EL0), reads);
    guest.spin(100n);
    assert.equal(guest.isSignalled, false);
  }
  guest.msr(CNTP_CTL_EL0, CTL.ENABLE);
  assert.equal(guest.isSignalled, true);
});

test("CNTP_CTL keeps two bits, ISTATUS is not written", () => {
  const guest = at();
  guest.msr(CNTP_CVAL_EL0, MAX);
  guest.msr(CNTP_CTL_EL0, MAX);
  assert.equal(guest.mrs(CNTP_CTL_EL0), CTL.ENABLE | CTL.IMASK);
});

test("CNTP_TVAL is a signed distance of 32 bits", () => {
  const guest = at(1_000_000n);
  for (const [written, distance] of [
    [100n, 100n],
    [0x7fff_ffffn, 0x7fff_ffffn],
    [0xffff_ffffn, -1n],
    [0x8000_0000n, -0x8000_0000n],
    [0xdead_0000_0000_0064n, 100n],
  ] as const) {
    guest.msr(CNTP_TVAL_EL0, written);
    assert.equal(guest.mrs(CNTP_CVAL_EL0), BigInt.asUintN(64, now(guest) + distance), `${written}`);
    assert.equal(guest.mrs(CNTP_TVAL_EL0), BigInt.asUintN(32, distance));
  }
});

test("EL2's timer is armed for the physical timer's deadline, and for nothing else", () => {
  const guest = at();
  const { hypervisor } = guest.machine.timer;
  assert.equal(hypervisor.control, 0);
  guest.msr(CNTP_CVAL_EL0, now(guest) + 500n);
  guest.msr(CNTP_CTL_EL0, CTL.ENABLE);
  assert.deepEqual(hypervisor, { control: 1, compare: guest.machine.timer.count + 500n });
  guest.msr(CNTP_CTL_EL0, CTL.ENABLE | CTL.IMASK);
  assert.equal(hypervisor.control, 0);
});

test("after it has fired EL2's timer is quiet: no storm", () => {
  const guest = at();
  guest.msr(CNTP_CVAL_EL0, now(guest) + 10n);
  guest.msr(CNTP_CTL_EL0, CTL.ENABLE);
  guest.spin(10n);
  assert.equal(guest.machine.timer.hypervisor.control, 0);
  assert.equal(guest.machine.timer.hypervisorLine, false);
});

test("an alarm on a board whose counter has no frequency never comes, and does no harm", () => {
  const guest = at();
  guest.machine.timer.frequency = 0n;
  guest.store(machine.RTC_BASE + 0x04, 0x7000_0000n);
  guest.store(machine.RTC_BASE + 0x10, 1n);
  guest.spin(1_000_000n);
  assert.equal(guest.isSignalled, false);
});

// --- the virtual timer: its registers are the CPU's own

const setVirtual = (guest: Guest, control: number, compare: bigint): void => {
  guest.machine.timer.virtual.control = control;
  guest.machine.timer.virtual.compare = compare;
};

test("the virtual timer's interrupt is linked: the guest's end of interrupt ends the board's", () => {
  const guest = at();
  for (let n = 0; n < 3; n++) {
    setVirtual(guest, 1, guest.machine.timer.virtualCount + 100n);
    guest.spin(99n);
    assert.equal(guest.isSignalled, false);
    guest.spin(1n);
    assert.equal(guest.acknowledge(), machine.VTIMER_INTID);
    assert.ok(guest.machine.interrupts.isActive(intids.VIRTUAL_TIMER));
    setVirtual(guest, 0, 0n);
    guest.end(machine.VTIMER_INTID);
    assert.equal(guest.machine.interrupts.isActive(intids.VIRTUAL_TIMER), false);
    assert.equal(guest.acknowledge(), NONE);
  }
});

for (const [what, disturb] of [
  ["made pending again", (guest: Guest) => guest.store(SGI + gicd.GICD_ISPENDR, 1n << 27n)],
  ["deactivated", (guest: Guest) => guest.store(SGI + gicd.GICD_ICACTIVER, 1n << 27n)],
  [
    "made pending again, then deactivated",
    (guest: Guest) => {
      guest.store(SGI + gicd.GICD_ISPENDR, 1n << 27n);
      guest.store(SGI + gicd.GICD_ICACTIVER, 1n << 27n);
    },
  ],
] as const) {
  test(`a virtual timer's interrupt that is ${what} while the guest handles it does not keep the board's for ever`, () => {
    const guest = at();
    setVirtual(guest, 1, 0n);
    guest.poll();
    assert.equal(guest.acknowledge(), machine.VTIMER_INTID);
    setVirtual(guest, 0, 0n);
    disturb(guest);
    guest.end(machine.VTIMER_INTID);
    for (let intid = guest.acknowledge(); intid !== NONE; intid = guest.acknowledge()) guest.end(intid);
    guest.poll();
    setVirtual(guest, 1, 0n);
    guest.poll();
    assert.equal(guest.acknowledge(), machine.VTIMER_INTID);
    setVirtual(guest, 0, 0n);
    guest.end(machine.VTIMER_INTID);
    assert.equal(guest.machine.interrupts.isActive(intids.VIRTUAL_TIMER), false);
  });
}

test("a virtual timer that is still due at the end of its interrupt comes again", () => {
  const guest = at();
  setVirtual(guest, 1, 0n);
  guest.poll();
  for (let n = 0; n < 3; n++) {
    assert.equal(guest.acknowledge(), machine.VTIMER_INTID);
    guest.end(machine.VTIMER_INTID);
  }
});

test("while the guest has its interrupt masked, a virtual timer that is due exits once", () => {
  const guest = at();
  guest.machine.virtual.priorityMask = 0;
  setVirtual(guest, 1, 0n);
  guest.poll();
  const { calls } = guest.machine;
  guest.spin(SECOND);
  assert.equal(guest.machine.calls, calls);
  guest.machine.virtual.priorityMask = 0xf0;
  assert.equal(guest.acknowledge(), machine.VTIMER_INTID);
});

test("a timer that was set anew before its interrupt was taken interrupts for the new time alone", () => {
  const guest = at();
  setVirtual(guest, 1, 0n);
  guest.poll();
  assert.equal(guest.isSignalled, true);
  setVirtual(guest, 1, guest.machine.timer.virtualCount + 1000n);
  // The next exit that looks at interrupts finds out.
  guest.load(D + 0x200);
  guest.store(D + 0x104, 1n);
  assert.equal(guest.isSignalled, false);
  guest.spin(1000n);
  assert.equal(guest.acknowledge(), machine.VTIMER_INTID);
});

test("a disabled timer interrupt that is due waits, and comes when it is enabled", () => {
  const guest = at();
  guest.store(SGI + 0x180, 1n << 27n);
  setVirtual(guest, 1, 0n);
  guest.poll();
  assert.equal(guest.isSignalled, false);
  assert.notEqual(guest.load(SGI + 0x200) & (1n << 27n), 0n);
  guest.store(SGI + 0x100, 1n << 27n);
  assert.equal(guest.acknowledge(), machine.VTIMER_INTID);
});

test("clearing the active timer interrupt at the distributor ends the board's as well", () => {
  const guest = at();
  setVirtual(guest, 1, 0n);
  guest.poll();
  assert.equal(guest.acknowledge(), machine.VTIMER_INTID);
  setVirtual(guest, 0, 0n);
  guest.store(SGI + 0x380, 1n << 27n);
  assert.equal(guest.machine.interrupts.isActive(intids.VIRTUAL_TIMER), false);
});
