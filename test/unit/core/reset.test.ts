// SYSTEM_RESET leaves nothing of before: what a guest can see behind it is what it saw at its first instruction.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as machine } from "../../../abi/guest.ts";
import { el1Context, hcr, trappedRegisters } from "../../../abi/sysregs.ts";
import { max } from "../../../sim/cpu-model.ts";
import type { Guest } from "../../../sim/guest.ts";
import { boot, load, RAM_BASE, type StartOptions, start } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";

const RESET = 0x8400_0009n;
const MEMORY = 16 * MIB;
const OPTIONS: StartOptions = {
  vm: {
    kernel: Buffer.from("a kernel"),
    initrd: Buffer.from("an initrd"),
    regions: [{ ipa: 0, size: 0x3000, readOnly: false, file: Buffer.from("flash") }],
  },
};

/** Device tree and kernel command line apart, whose seeds are new each time. */
const memoryOf = (guest: Guest): Buffer =>
  Buffer.concat([Buffer.from(guest.memory(RAM_BASE + 0x1_0000, MEMORY - 0x1_0000)), Buffer.from(guest.memory(0, 0x3000))]);

/** All that a guest can read of itself, by name. */
const visible = (guest: Guest): Record<string, bigint> => {
  const state: Record<string, bigint> = { pc: guest.pc, pstate: guest.pstate };
  for (let n = 0; n < 31; n++) state[`x${n}`] = guest.x(n);
  for (const name of el1Context) state[name] = guest.sysreg(name);
  for (const name of ["CNTVOFF_EL2", "VTTBR_EL2", "VMPIDR_EL2"])
    state[name] = guest.sysreg(name) - (name === "CNTVOFF_EL2" ? guest.sysreg(name) : 0n);
  state.serror = guest.sysreg("HCR_EL2") & hcr.HCR_VSE;
  state.signalled = BigInt(guest.isSignalled);
  state.running = BigInt(guest.machine.virtual.runningPriority);
  state.vmcr = guest.machine.virtual.vmcr;
  state.open = BigInt(guest.machine.isFpOpen);
  guest.useFp();
  for (const [n, word] of guest.machine.vectors.entries()) state[`v${n}`] = word;
  for (const [name, base, size] of [
    ["uart", machine.UART_BASE, 0x50],
    ["clock", machine.RTC_BASE + 4, 0x1c],
    ["distributor", machine.GICD_BASE, 0xd00],
    ["routes", machine.GICD_BASE + 0x6100, 0x200],
    ["redistributor", machine.GICR_BASE, 0x20],
    ["private", machine.GICR_BASE + 0x1_0000, 0xd00],
  ] as const) {
    for (let offset = 0; offset < size; offset += 4) state[`${name} ${offset}`] = guest.load(base + offset, { rt: 29 });
  }
  for (const [name, encoding] of Object.entries(trappedRegisters)) {
    if (/CNTPCT|TVAL|SGI/.test(name)) continue;
    state[name] = guest.mrs(encoding, 29);
  }
  return state;
};

/** Leaves traces everywhere. */
const live = (guest: Guest): void => {
  for (let at = 0; at < MEMORY; at += 0x1_1000) guest.store(RAM_BASE + at, 0xdddd_dddd_dddd_ddddn, { bytes: 8 });
  guest.store(0, 0xdddd_ddddn);
  guest.store(0x2ffc, 0xdddd_ddddn);
  guest.useFp();
  guest.machine.vectors.fill(0xf00dn);
  for (const name of el1Context) if (!name.startsWith("CNTV")) guest.setSysreg(name, 0xaaaa_0000_0000n);
  guest.store(machine.GICR_BASE + 0x14, 0n);
  guest.store(machine.GICD_BASE, 3n);
  for (let offset = 0x80; offset < 0xd00; offset += 4) {
    guest.store(machine.GICD_BASE + offset, 0xffff_ffffn);
    guest.store(machine.GICR_BASE + 0x1_0000 + offset, 0xffff_ffffn);
  }
  for (let intid = 32; intid < 96; intid++) guest.store(machine.GICD_BASE + 0x6000 + 8 * intid, 5n, { bytes: 8 });
  guest.openInterrupts();
  guest.machine.virtual.priorityMask = 0xff;
  guest.store(machine.UART_BASE + 0x30, 0x301n);
  guest.store(machine.UART_BASE + 0x2c, 0x70n);
  guest.store(machine.UART_BASE + 0x24, 0x12n);
  guest.store(machine.UART_BASE + 0x38, 0x7ffn);
  guest.store(machine.UART_BASE + 0x00, 0x0an);
  guest.machine.uart.type("typed for the old life");
  guest.poll();
  guest.store(machine.RTC_BASE + 0x10, 1n);
  guest.store(machine.RTC_BASE + 0x04, 1n);
  guest.msr(trappedRegisters.CNTP_CVAL_EL0, 1n);
  guest.msr(trappedRegisters.CNTP_CTL_EL0, 1n);
  guest.msr(trappedRegisters.MDSCR_EL1, 0x8000n);
  guest.machine.timer.virtual.compare = 1n;
  guest.machine.timer.virtual.control = 1;
  guest.spin(62_500_000n);
  guest.acknowledge();
  guest.acknowledge();
  guest.serror();
  for (let n = 0; n < 31; n++) guest.setX(n, 0xbbbbn);
};

for (const cpu of [undefined, max]) {
  test(`a reset of a VM that has used everything it has, on ${cpu?.name ?? "cortex-a57"}`, () => {
    const options = cpu === undefined ? OPTIONS : { ...OPTIONS, machine: { cpu } };
    const guest = start(options);
    const fresh = { memory: memoryOf(guest), state: visible(start(options)) };
    live(guest);
    guest.hvc(RESET);
    assert.ok(memoryOf(guest).equals(fresh.memory), "its memory is as it was loaded");
    assert.deepEqual(visible(guest), fresh.state);
  });
}

test("a reset VM's count starts at zero, its clock goes on", () => {
  const loaded = load({});
  // On a board the count has begun before.
  loaded.counter.count = 7n;
  const guest = boot(loaded);
  guest.spin(100n * 62_500_000n);
  guest.hvc(RESET);
  assert.equal(guest.mrs(trappedRegisters.CNTPCT_EL0), 0n);
  assert.equal(guest.load(machine.RTC_BASE), 1_700_000_100n);
});

test("the board's timer interrupt can come again after a reset in the midst of one", () => {
  const guest = start();
  live(guest);
  guest.hvc(RESET);
  assert.equal(guest.machine.interrupts.isActive(27), false);
});

test("a reset is told of, and can be done a thousand times: nothing is used up", () => {
  const loaded = load({ vm: { kernel: Buffer.from("k") } });
  loaded.counter.count = 7n;
  const guest = boot(loaded);
  for (let n = 0; n < 100; n++) guest.hvc(RESET);
  const before = Buffer.from(guest.machine.memory);
  guest.hvc(RESET);
  // The log's ring moves on, and the random generator; nothing else of the core's memory changes.
  const changed = guest.machine.memory.reduce((count, byte, n) => count + Number(byte !== before[n]), 0);
  assert.ok(changed < 500, `${changed} bytes changed`);
  // A storm of them makes no more lines than anything else that a guest does, ten a second; the first start is told in any case.
  assert.equal(guest.machine.uart.output.match(/vm0 vm: guest resets/g)?.length, 5);
  assert.equal(guest.machine.uart.output.match(/vm0 vm: guest starts/g)?.length, 1 + 5);
});
