// The simulator's several CPUs, under a core that is a script: who may be where, what moves with a vCPU, how interrupts and the firmware reach other
// CPUs, and how a CPU waits for another one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gicd, gicr } from "../../abi/gic.ts";
import { offsets, records } from "../../abi/records.ts";
import { hcr, hcrRules } from "../../abi/sysregs.ts";
import type { Cpu } from "../../sim/cpu.ts";
import { Violation } from "../../sim/faults.ts";
import { type Core, DISTRIBUTOR, Machine, REDISTRIBUTORS } from "../../sim/machine.ts";

const IPI = 0;
const ALL = 0xffff_ffffn;
const TFP = 1n << 10n;
const [FIRST, SECOND] = [0x2_0000, 0x2_1000];
const frame = offsets(records.VcpuFrame!).fields;

const violates = (action: () => unknown, message: RegExp): void => {
  assert.throws(action, (error) => error instanceof Violation && message.test(error.message));
};

/** A core that does nothing. */
const nothing = (): Core => ({
  memory: new WebAssembly.Memory({ initial: 4 }),
  boot: () => 0,
  bootCpu: () => 0,
  onSync: () => 0,
  onIrq: () => 0,
  onIdle: () => 0,
  onSError: () => 0,
  onCrash: () => undefined,
});

type Script = (of: () => Machine) => Partial<Omit<Core, "memory">>;

/** A board whose core does what the script says, and nothing otherwise. */
const scripted = (cpus: number, script: Script = () => ({})): Machine => {
  const core = (): Core => ({ ...nothing(), ...script(() => machine) });
  const machine: Machine = new Machine({ cpus, core });
  machine.door.lock();
  for (const one of machine.cpus) openInterrupts(machine, one);
  return machine;
};

/** The distributor, a CPU's redistributor and its interface let all SGIs and PPIs through. */
const openInterrupts = ({ interrupts }: Machine, { index, interface: own }: Cpu): void => {
  const distributor = interrupts.distributor(DISTRIBUTOR);
  const redistributors = interrupts.redistributors(REDISTRIBUTORS);
  distributor.write(gicd.GICD_CTLR, 4, 0x10n);
  distributor.write(gicd.GICD_CTLR, 4, 0x12n);
  const at = index * 0x2_0000;
  redistributors.write(at + gicr.GICR_WAKER, 4, 0n);
  redistributors.write(at + gicr.GICR_SGI_FRAME + gicd.GICD_IGROUPR, 4, ALL);
  redistributors.write(at + gicr.GICR_SGI_FRAME + gicd.GICD_ISENABLER, 4, ALL);
  own.writeSre(7n);
  own.writePmr(0xffn);
  own.writeCtlr(2n);
  own.writeIgrpen1(1n);
};

/** Everything that an entry asks for, as that vCPU of that VM. */
const prepare = ({ registers, context }: Cpu, record: number, vmid = 1n, mpidr = BigInt(record)): void => {
  registers.write("HCR_EL2", hcrRules.HCR_REQUIRED | hcr.HCR_TSC);
  registers.write("VTTBR_EL2", (vmid << 48n) | (0x4500_0000n + 0x1000n * vmid));
  registers.write("VMPIDR_EL2", mpidr);
  registers.write("CPTR_EL2", TFP);
  context.loadEl1(record);
};

/** Two CPUs, each with a vCPU of one VM. */
const prepareEach = (cpus: readonly Cpu[], records = [FIRST, SECOND]): void => {
  for (const [n, record] of records.entries()) prepare(cpus[n]!, record);
};

/** Takes an interrupt to its end; returns its INTID. */
const take = ({ interface: own }: Cpu): number => {
  const intid = own.acknowledge();
  if (intid < 1020n) {
    own.end(intid);
    own.deactivate(intid);
  }
  return Number(intid);
};

// --- the interrupt controller

test("an SGI reaches those of the target list, in the cluster that is named, and no other", () => {
  const machine = new Machine({ mpidrs: [0n, 1n, 0x100n, 0x111n, 0x01_0000_0001n], core: nothing });
  for (const one of machine.cpus) openInterrupts(machine, one);
  const reached = (value: bigint): number[] => {
    machine.cpu(0).interface.send(value);
    return machine.cpus.filter((one) => take(one) === IPI + 5).map(({ index }) => index);
  };
  assert.deepEqual(reached(0x0500_0003n), [0, 1], "a list of two, the sender among them");
  assert.deepEqual(reached(0x0501_0001n), [2], "Aff1");
  assert.deepEqual(reached(0x1000_0501_0002n), [3], "the range selector: Aff0 from 16 on");
  assert.deepEqual(reached((1n << 48n) | 0x0500_0002n), [4], "Aff3");
  assert.deepEqual(reached((1n << 40n) | 0x0500_0001n), [1, 2, 3, 4], "all others");
  assert.deepEqual(reached(0x0500_0000n), []);
});

test("an SGI goes nowhere where it is in group 0", () => {
  const machine = scripted(2);
  machine.interrupts.at(IPI, 1).group1 = false;
  machine.cpu(0).interface.send(0x2n);
  assert.equal(take(machine.cpu(1)), 1023);
});

test("each CPU has its own timers' interrupts; a shared one comes to the CPU that it is routed to", () => {
  const machine = scripted(2);
  machine.cpu(1).timer.virtual.control = 1;
  assert.deepEqual([machine.cpu(0).interface.pending()?.intid, machine.cpu(1).interface.pending()?.intid], [undefined, 27]);
  machine.interrupts.at(27, 1).enabled = false;
  const uart = machine.interrupts.at(33);
  Object.assign(uart, { enabled: true, group1: true, latch: true, route: 1n });
  assert.deepEqual([machine.cpu(0).interface.pending()?.intid, machine.cpu(1).interface.pending()?.intid], [undefined, 33]);
  uart.route = 1n << 31n;
  assert.equal(take(machine.cpu(0)), 33, "any of them");
  assert.equal(machine.cpu(1).interface.pending()?.intid, undefined, "but one alone");
});

test("a timer interrupt that is made active in the redistributor does not come", () => {
  const machine = scripted(2);
  const { interrupts } = machine;
  machine.cpu(1).timer.virtual.control = 1;
  const frameOf1 = 0x2_0000 + gicr.GICR_SGI_FRAME;
  interrupts.redistributors(REDISTRIBUTORS).write(frameOf1 + gicd.GICD_ISACTIVER, 4, 1n << 27n);
  assert.equal(machine.cpu(1).interface.pending()?.intid, undefined);
  interrupts.redistributors(REDISTRIBUTORS).write(frameOf1 + gicd.GICD_ICACTIVER, 4, 1n << 27n);
  assert.equal(machine.cpu(1).interface.pending()?.intid, 27);
});

// --- the firmware

test("CPU_ON: a CPU starts once, as the number that it was given; one that does not exist is an error", () => {
  const booted: number[] = [];
  const machine = scripted(2, () => ({ bootCpu: (number) => booted.push(number) * 0 }));
  const answer = (value: number): bigint => BigInt.asUintN(64, BigInt(value));
  assert.equal(machine.firmware.start(7n, 1), answer(-2));
  assert.equal(machine.firmware.start(1n, 3), 0n);
  assert.equal(machine.firmware.start(1n, 3), answer(-5), "pending");
  machine.run.settle();
  assert.deepEqual(booted, [3]);
  assert.equal(machine.firmware.start(1n, 3), answer(-4), "on");
  machine.firmware.broken.set(1n, -6);
  assert.equal(machine.firmware.start(1n, 3), answer(-6));
});

// --- what must be true when a guest is entered

/** A core that enters on each CPU what `entered` says of it. */
const entering = (cpus: number, prepared: (machine: Machine) => void, entered: readonly number[]): (() => void) => {
  const machine = scripted(cpus, (of) => ({ onIdle: () => enter(of()) }));
  const enter = ({ run }: Machine): number => {
    take(run.acting);
    return entered[run.acting.index] ?? 0;
  };
  for (const one of machine.cpus) one.power = "on";
  prepared(machine);
  return () => {
    machine.cpu(0).interface.send(ALL & 0xffn);
    machine.run.settle();
  };
};

test("two vCPUs of a VM on two CPUs, each with what is its own, are entered", () => {
  entering(2, ({ cpus }) => prepareEach(cpus), [FIRST, SECOND])();
});

const wrong: Record<string, [(machine: Machine) => void, readonly number[], RegExp]> = {
  "a vCPU on two CPUs": [({ cpus }) => prepareEach(cpus, [FIRST, FIRST]), [FIRST, FIRST], /on CPUs 1 and 0 at once/],
  "a vCPU whose registers a CPU holds that waits": [
    ({ cpus }) => prepareEach(cpus, [FIRST, FIRST]),
    [FIRST],
    /on CPUs 1 and 0 at once/,
  ],
  "the EL1 registers of another vCPU": [({ cpus }) => prepare(cpus[0]!, FIRST), [SECOND], /EL1 registers of another/],
  "one VMID with two sets of tables": [
    ({ cpus }) => {
      prepareEach(cpus);
      cpus[1]!.registers.write("VTTBR_EL2", (1n << 48n) | 0x4510_0000n);
    },
    [FIRST, SECOND],
    /VMID 1 is used with the tables at 0x45100000/,
  ],
  "vCPUs of a VM that count differently": [
    ({ cpus }) => {
      prepareEach(cpus);
      cpus[1]!.registers.write("CNTVOFF_EL2", 5n);
    },
    [FIRST, SECOND],
    /count differently for VMID 1/,
  ],
  "vector registers that are open, and another's": [
    ({ cpus }) => {
      prepare(cpus[0]!, FIRST);
      cpus[0]!.registers.write("CPTR_EL2", 0n);
    },
    [FIRST],
    /vector registers of another/,
  ],
};
for (const [name, [prepared, entered, message]] of Object.entries(wrong)) {
  test(`not entered: ${name}`, () => violates(entering(2, prepared, entered), message));
}

test("not entered: two vCPUs with one identity", () => {
  const turns = [FIRST, SECOND];
  const machine = scripted(1, (of) => {
    const enter = (): number => take(of().cpu(0)) * 0 + (turns.shift() ?? 0);
    return { onIdle: enter, onIrq: enter };
  });
  const one = machine.cpu(0);
  one.power = "on";
  prepare(one, FIRST, 1n, 0n);
  one.interface.send(1n);
  machine.run.settle();
  one.interface.send(1n);
  violates(() => machine.run.settle(), /are both VMID 1, VMPIDR_EL2 0x0/);
});

test("not entered: while the priority of an interrupt still runs", () => {
  const machine = scripted(1);
  const one = machine.cpu(0);
  prepare(one, FIRST);
  one.interface.send(1n);
  one.interface.acknowledge();
  violates(() => machine.run.exit(one, () => FIRST), /priority of an interrupt still runs/);
});

test("a vCPU's identity stays what it was", () => {
  const machine = scripted(1);
  const [one] = machine.cpus as [Cpu];
  prepare(one, FIRST);
  machine.run.exit(one, () => FIRST);
  one.registers.write("VMPIDR_EL2", 9n);
  violates(() => machine.run.exit(one, () => FIRST), /is entered as VMID 1, VMPIDR_EL2 0x9/);
});

// --- what moves with a vCPU

const running = (): { machine: Machine; one: Cpu } => {
  const machine = scripted(1);
  const one = machine.cpu(0);
  prepare(one, FIRST);
  machine.run.exit(one, () => FIRST);
  return { machine, one };
};

test("EL1 registers that are not saved when another vCPU takes the CPU are missed when they are loaded", () => {
  const { one } = running();
  one.context.loadEl1(SECOND);
  violates(() => one.context.loadEl1(FIRST), /EL1 registers of the vCPU at 0x20000 were not saved/);
});

test("EL1 registers that are saved come back", () => {
  const { machine, one } = running();
  one.registers.write("TPIDR_EL1", 77n);
  one.context.saveEl1(FIRST);
  one.context.loadEl1(SECOND);
  assert.equal(one.registers.read("TPIDR_EL1"), 0n);
  one.context.loadEl1(FIRST);
  machine.run.exit(one, () => FIRST);
  assert.equal(one.registers.read("TPIDR_EL1"), 77n);
});

test("EL1 registers are saved into no other vCPU's record, and what a record is made anew with must be loaded", () => {
  const { machine, one } = running();
  violates(() => one.context.saveEl1(SECOND), /saved as those of 0x21000/);
  machine.memory.fill(0, FIRST, FIRST + 0x400);
  violates(() => machine.run.exit(one, () => FIRST), /record at 0x20000 were changed, but not loaded/);
});

test("a record that is changed between saving and entering is noticed too", () => {
  const { machine, one } = running();
  one.context.saveEl1(FIRST);
  machine.view.setBigUint64(FIRST + frame.sctlrEl1!, 5n, true);
  violates(() => machine.run.exit(one, () => FIRST), /changed, but not loaded/);
});

test("vector registers that are not saved are missed", () => {
  const { machine, one } = running();
  one.registers.write("CPTR_EL2", 0n);
  one.context.loadFp(FIRST);
  machine.run.exit(one, () => FIRST);
  violates(() => one.context.loadFp(FIRST), /vector registers of the vCPU at 0x20000 were not saved/);
  one.context.saveFp(FIRST);
  one.context.loadFp(FIRST);
});

// --- one CPU waits for another one

/** CPU 0 asks CPU 1 by an SGI, and waits until `answered`. */
const asking = (answered: (machine: Machine) => boolean): Machine => {
  const machine = scripted(2, (of) => ({
    onIdle: () => {
      const { acting } = of().run;
      assert.equal(acting.index, 1);
      assert.equal(take(acting), IPI);
      assert.equal(acting.interface.pending(), undefined, "its timer comes later");
      return 0;
    },
    boot: () => {
      const { run } = of();
      run.acting.interface.send(0x2n);
      while (!answered(of())) run.relax();
      assert.equal(run.acting.index, 0);
      return 0;
    },
  }));
  machine.cpu(1).power = "on";
  machine.cpu(1).timer.virtual.control = 1;
  return machine;
};

test("a CPU that waits in the middle of its exit lets another one take its SGI, and that alone", () => {
  const machine = asking(({ interrupts }) => !interrupts.at(IPI, 1).latch);
  machine.run.boot(0n, 0n);
  assert.equal(machine.cpu(1).interface.pending()?.intid, 27);
});

test("a CPU that waits for what never comes is a violation", () => {
  violates(() => asking(() => false).run.boot(0n, 0n), /waits for what never comes/);
});

test("an interrupt that nobody takes is a storm", () => {
  const machine = scripted(1);
  machine.cpu(0).power = "on";
  machine.cpu(0).timer.virtual.control = 1;
  violates(() => machine.run.settle(), /again and again/);
});

test("time goes from timer to timer, each taken when it fires", () => {
  const seen: bigint[] = [];
  const machine = scripted(2, (of) => ({
    onIdle: () => {
      const { acting } = of().run;
      seen.push(acting.timer.count);
      acting.timer.hypervisor.control = 0;
      take(acting);
      return 0;
    },
  }));
  for (const [n, one] of machine.cpus.entries()) {
    one.power = "on";
    one.timer.hypervisor = { control: 1, compare: BigInt(70 - 20 * n) };
  }
  machine.run.advance(100n);
  assert.deepEqual([seen, machine.counter.count], [[50n, 70n], 100n]);
});
