// A random load that moves all that a guest has: several vCPUs of two VMs with values in their registers that they alone know, on fewer CPUs, which call, trap,
// compute with vectors, interrupt each other, sleep, go off and come back, and reset. The same seed is the same run.

import { vcpuFacts, vmFacts } from "../../../abi/calls.ts";
import { gicd, gicr } from "../../../abi/gic.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { el1Context, idRegisters, trappedRegisters } from "../../../abi/sysregs.ts";
import { callId } from "../../../sim/call-ids.ts";
import { type CpuModel, cortexA57, max } from "../../../sim/cpu-model.ts";
import { Endless, PowerOff, Violation } from "../../../sim/faults.ts";
import { ec, type Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { once, oneOf, type Random, randomOf } from "../../../sim/random.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { tokenOf } from "../../../sim/state/token.ts";

const ENTRY = BigInt(RAM_BASE + 0x8_0000);
const { GICD_BASE, GICR_BASE, GICR_STRIDE, RTC_BASE, UART_BASE } = guestMachine;
const STEPS = 400;
/** More than any run takes. */
const CALLS = 300_000;
/** Registers that a guest may fill as it likes. */
const free = el1Context.filter((name) => !["SCTLR_EL1", "SPSR_EL1", "CNTV_CTL_EL0", "CNTV_CVAL_EL0"].includes(name));
const GIC_BITS = [gicd.GICD_ISPENDR, gicd.GICD_ICPENDR, gicd.GICD_ISENABLER, gicd.GICD_ICENABLER, gicd.GICD_IGROUPR];
const GIC_STATE = [gicd.GICD_ISPENDR, gicd.GICD_ISACTIVER];

/** Fills the registers of a guest with values of its own. */
const fill = (guest: Guest, random: Random): void => {
  const { vmid } = guest.cpu.stage2;
  for (let n = 4; n < 31; n++) guest.setX(n, tokenOf(vmid, random(2 ** 32)));
  for (let n = 0; n < 4; n++) guest.setSysreg(oneOf(random, free), tokenOf(vmid, random(2 ** 32)));
};

const call = (guest: Guest, name: string, ...args: readonly (bigint | number)[]): bigint =>
  guest.hvc(callId(name), ...args.map(BigInt));

/** Takes what there is, in nested order, and ends it. */
const drain = (guest: Guest, random: Random): void => {
  const taken: number[] = [];
  for (let n = 0; n < 12 && guest.where !== undefined; n++) {
    const intid = once(random, 3) ? 1023 : guest.acknowledge();
    if (intid === 1023) {
      const last = taken.pop();
      if (last !== undefined) guest.end(last);
    } else taken.push(intid);
  }
  for (const intid of taken.toReversed()) if (guest.where !== undefined) guest.end(intid);
};

/** Ends one of those that are active, if it runs. */
const endOne = (guest: Guest, random: Random): void => {
  const active = guest.cpu.virtual.lists.filter((lr) => lr >> 63n === 1n);
  if (active.length > 0) guest.end(Number(oneOf(random, active) & 0xffff_ffffn));
};

const act = (guest: Guest, random: Random): void => {
  const { vmid } = guest.cpu.stage2;
  const bits = BigInt(random(2 ** 32));
  const frame = GICR_BASE + random(2) * GICR_STRIDE + gicr.GICR_SGI_FRAME;
  const word = oneOf(random, GIC_BITS);
  const token = (): bigint => tokenOf(vmid, random(2 ** 32));
  const actions: (() => unknown)[] = [
    () => call(guest, "HL_NULL"),
    () => call(guest, "HL_YIELD"),
    () => call(guest, "HL_YIELD"),
    () => call(guest, "VENDOR_UID"),
    () => call(guest, "TRNG_RND_64", 64 + random(128)),
    () => call(guest, "HL_VM_FACT", random(Object.keys(vmFacts).length)),
    () => call(guest, "HL_VCPU_FACT", random(Object.keys(vcpuFacts).length)),
    () => call(guest, "PSCI_CPU_ON_64", random(2), ENTRY, token()),
    () => call(guest, "PSCI_CPU_ON_64", random(2), ENTRY, token()),
    () => once(random, 4) && call(guest, "PSCI_CPU_OFF"),
    () => call(guest, "PSCI_CPU_SUSPEND_64", 0, 0, 0),
    () => once(random, 8) && call(guest, "PSCI_SYSTEM_RESET"),
    () => guest.smc(callId("PSCI_VERSION")),
    () => call(guest, "HL_DOORBELL", 0),
    () => guest.wfi(),
    () => guest.exception(ec.HVC, 5n),
    () => guest.fetch(0x3000_0000),
    () => guest.serror(),
    () => guest.load(0x0a00_0000, { rt: random(32) }),
    () => guest.load(GICD_BASE + 8, { rt: random(31) }),
    () => guest.systemRegister(trappedRegisters.MDSCR_EL1, random(31), once(random, 2)),
    () => guest.mrs(trappedRegisters.CNTPCT_EL0, random(31)),
    () => guest.mrs([3, 0, 0, oneOf(random, idRegisters).crm, random(8)], random(32)),
    () => guest.systemRegister([3, 3, 9, 12, 0], random(31), true),
    () => guest.cpu.registers.at("VDISR_EL2").exists && guest.setSysreg("VDISR_EL2", token()),
    () => {
      guest.useFp();
      if (guest.cpu.isFpOpen) for (let n = 0; n < 66; n++) guest.cpu.vectors[n] = token();
    },
    () => guest.openInterrupts(),
    () => guest.cpu.virtual.enableGroup(0, once(random, 2)),
    () => {
      guest.cpu.virtual.priorityMask = 0xff;
    },
    () => drain(guest, random),
    () => drain(guest, random),
    () => guest.acknowledge(),
    () => endOne(guest, random),
    () => endOne(guest, random),
    () => guest.store(GICD_BASE + gicd.GICD_ISPENDR + 4, bits & 0xf00n),
    () => guest.store(GICD_BASE + gicd.GICD_IROUTER + 8 * (40 + random(4)), bits & 1n, { bytes: 8 }),
    () => guest.load(frame + oneOf(random, GIC_STATE)),
    () => guest.load(GICD_BASE + oneOf(random, GIC_STATE) + 4 * (1 + random(2))),
    () => guest.store(GICD_BASE + gicd.GICD_ISACTIVER + 4, bits & (bits >> 8n) & 0xf000n),
    () => guest.store(GICD_BASE + gicd.GICD_ICACTIVER + 4, bits),
    () => guest.msr(trappedRegisters.ICC_SGI1R_EL1, (BigInt(random(16)) << 24n) | (1n << 40n)),
    () => guest.msr(trappedRegisters.ICC_SGI1R_EL1, (BigInt(random(16)) << 24n) | (bits & 3n)),
    () => guest.msr(trappedRegisters.ICC_SGI1R_EL1, (BigInt(random(16)) << 24n) | (bits & 3n)),
    () => guest.msr(trappedRegisters.CNTP_TVAL_EL0, BigInt(random(200_000))),
    () => guest.msr(trappedRegisters.CNTP_CTL_EL0, bits & 3n),
    () => {
      guest.setSysreg("CNTV_CVAL_EL0", guest.cpu.timer.virtualCount + BigInt(random(200_000)));
      guest.setSysreg("CNTV_CTL_EL0", bits & 3n);
    },
    () => guest.store(GICD_BASE, bits & 3n),
    () => guest.store(GICD_BASE, 2n),
    () => guest.store(frame + gicd.GICD_ISENABLER, 0xffff_ffffn),
    () => guest.store(frame + gicd.GICD_IGROUPR, 0xffff_ffffn),
    () => guest.store(frame + word, bits),
    () => guest.store(frame + gicd.GICD_IPRIORITYR + random(32), bits & 0xffn, { bytes: 1 }),
    () => guest.store(GICD_BASE + word + 4 * (1 + random(2)), bits),
    () => guest.store(GICD_BASE + gicd.GICD_ISENABLER + 4 * (1 + random(2)), 0xffff_ffffn),
    () => guest.store(GICD_BASE + gicd.GICD_IGROUPR + 4 * (1 + random(2)), 0xffff_ffffn),
    () => guest.store(GICD_BASE + gicd.GICD_IPRIORITYR + 32 + random(64), bits & 0xffn, { bytes: 1 }),
    () => guest.store(GICD_BASE + gicd.GICD_IROUTER + 8 * (32 + random(64)), bits & 1n, { bytes: 8 }),
    () => guest.store(UART_BASE + 0x38, bits & 0x7ffn),
    () => guest.store(RTC_BASE + (once(random, 2) ? 0x10 : 0x1c), bits & 1n),
    () => guest.store(RTC_BASE + 4, bits),
    () => guest.store(RAM_BASE + 8 * random(0x10_0000), token(), { bytes: 8 }),
  ];
  oneOf(random, actions)();
};

export interface LoadOptions {
  readonly wasm?: WebAssembly.Module | undefined;
  readonly model?: CpuModel;
}

const models = [cortexA57, max, { ...cortexA57, listRegisters: 2 }];

/** A run of one seed. What a sanitizer reports is thrown. */
export const run = (seed: number, { wasm, model }: LoadOptions = {}): Machine => {
  const random = randomOf(seed);
  const cpu = model ?? oneOf(random, models);
  const machine = startSystem({
    cpus: 1 + random(3),
    machine: { cpu, ...(wasm && { wasm }), pick: (called) => called[random(called.length)] },
    vms: [{ vcpus: 2 }, { vcpus: 2, crashPolicy: "reset" }],
    doorbells: [["vm0", "vm1"]],
    scheduler: { policy: "priority", slice: 1000 },
    board: { seedBytes: 32 },
  });
  machine.callLimit = CALLS;
  for (let step = 0; step < STEPS; step++) {
    const { guest } = machine.cpu(random(machine.cpus.length));
    if (guest === undefined || once(random, 12)) machine.run.advance(BigInt(random(100_000)));
    else {
      if (once(random, 3)) fill(guest, random);
      act(guest, random);
    }
  }
  return machine;
};

/** The first report of a few seeds; undefined: none. */
export const reportOf = (seeds: number, options: LoadOptions = {}): string | undefined => {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      run(seed, options);
    } catch (error) {
      if (error instanceof Violation || error instanceof Endless) return error.message;
      // The last vCPU has switched itself off.
      if (!(error instanceof PowerOff)) throw error;
    }
  }
  return undefined;
};
