// Systems in which memory changes hands: what the planted bugs of memory, isolation and translation are shown by.

import { guest as guestMachine } from "../../../abi/guest.ts";
import type { SystemSettings, VmOptions } from "../../../sim/bundles.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Machine, MachineOptions } from "../../../sim/machine.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { call } from "../../unit/core/call.ts";

/** Where the regions of VM 1 are: one behind its RAM, and one whose pages it may only read. */
const REGION = RAM_BASE + 16 * MIB;
const ROM = 0;
/** SCTLR_EL1.C. */
const CACHES_ON = 4n;
const ENTRY = BigInt(RAM_BASE + 0x8_0000);

const regions = [
  { ipa: REGION, size: 0x3000, readOnly: false },
  { ipa: ROM, size: 0x2000, readOnly: true, file: Buffer.from("read only") },
];
const seen = { region: "common", readOnly: false };
const vms: VmOptions[] = [
  { controller: true, affinity: [0], shared: [seen] },
  {
    affinity: [1],
    vcpus: 2,
    regions,
    kernel: Buffer.alloc(0x1_8000, "kernel"),
    shared: [
      { ...seen, readOnly: true },
      { region: "own", readOnly: false },
    ],
  },
  { affinity: [1], autostart: false, memory: 20 * MIB },
  // More tables than its quota lets it have.
  { affinity: [1], autostart: false, memory: 32 * MIB, tableQuota: 3 },
];
const settings: SystemSettings = {
  shared: [
    { name: "common", size: 0x2000 },
    { name: "own", size: 0x1000 },
  ],
};

const system = (options: MachineOptions, more: SystemSettings = {}): Machine => {
  const machine = startSystem({ machine: { cpus: 2, ...options }, vms, ...settings, ...more });
  machine.run.advance(1000n);
  return machine;
};

const running = (machine: Machine, vm: number, vcpu = 0): Guest => {
  const found = machine.running(vm, vcpu);
  if (found === undefined) throw new Error(`vCPU ${vcpu} of VM ${vm} does not run`);
  return found;
};
const control = (machine: Machine, what: string, vm: number): bigint => {
  const answer = call(running(machine, 0), `HL_VM_${what}`, vm);
  machine.run.advance(1000n);
  return answer;
};

/** Leaves something in each kind of memory. */
const soil = (guest: Guest): void => {
  for (const ipa of [RAM_BASE + 0x10_0000, RAM_BASE + 15 * MIB, RAM_BASE + 0x1_f000]) guest.store(ipa, 0x5ec2e7n);
};
const soilRegions = (guest: Guest): void => {
  soil(guest);
  guest.store(REGION + 0x2ff8, 0x5ec2e7n);
  guest.load(ROM);
  guest.load(guestMachine.SHARED_BASE);
};

/** A VM is reset, destroyed, and another one gets what it had; then it is made again. */
export const successors = (options: MachineOptions, more: SystemSettings = {}): Machine => {
  const machine = system(options, more);
  soilRegions(running(machine, 1));
  control(machine, "RESET", 1);
  soilRegions(running(machine, 1));
  control(machine, "DESTROY", 1);
  for (const what of ["CREATE", "START"]) control(machine, what, 2);
  soil(running(machine, 2));
  control(machine, "DESTROY", 2);
  for (const what of ["CREATE", "START"]) control(machine, what, 1);
  soilRegions(running(machine, 1));
  control(machine, "DESTROY", 1);
  machine.ledger.close();
  return machine;
};

/** The same on a board whose memory is not cleared at the start. */
export const successorsUnscrubbed = (options: MachineOptions): Machine => successors(options, { scrubAtBoot: false });

/** A VM of whose making too few tables are left over. */
export const refused = (options: MachineOptions): void => {
  const machine = system(options);
  control(machine, "CREATE", 3);
  control(machine, "PAUSE", 1);
  control(machine, "RESUME", 1);
};

/** A VM that comes to lie around the bundle. */
export const large = (options: MachineOptions): void => {
  const machine = startSystem({ machine: options, vms: [{ memory: 128 * MIB }] });
  soil(running(machine, 0));
};

/** The second VM's device tree comes to lie on the board's, which nobody clears. */
export const leftovers = (options: MachineOptions): void => {
  const machine = startSystem({ machine: options, scrubAtBoot: false, vms: [{ memory: 62 * MIB }, {}] });
  machine.run.advance(1_000_000n);
  running(machine, 1).load(RAM_BASE);
};

/** A VM whose vCPUs are on two CPUs is reset; the last CPU is always the first to take its interrupts. */
export const apart = (options: MachineOptions): void => {
  const both = [
    { controller: true, affinity: [0] },
    { affinity: [1, 2], vcpus: 2 },
  ];
  const machine = startSystem({ machine: { cpus: 3, pick: (called) => called.at(-1), ...options }, vms: both });
  machine.run.advance(1000n);
  call(running(machine, 1), "PSCI_CPU_ON_64", 1, ENTRY, 0);
  soil(running(machine, 1));
  control(machine, "RESET", 1);
  soil(running(machine, 1));
};

/** A VM is reset by one that is less urgent, on the only CPU. */
export const urgent = (options: MachineOptions): void => {
  const vms = [{ controller: true }, { priority: 9 }];
  const machine = startSystem({ machine: options, vms });
  call(running(machine, 1), "PSCI_CPU_SUSPEND_64", 0, 0, 0);
  control(machine, "RESET", 1);
  running(machine, 1).load(RAM_BASE);
};

/** Two vCPUs of a VM take turns on a CPU. */
export const turns = (options: MachineOptions): void => {
  const machine = system(options);
  const first = running(machine, 1);
  call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0);
  machine.run.advance(1_000_000n);
  for (let n = 0; n < 4; n++) {
    machine.cpu(1).guest?.load(RAM_BASE);
    machine.run.advance(1_000_000n);
  }
};

/** A VM writes to its console what lies on both sides of the end of its RAM, and has its stolen time shown. */
export const asking = (options: MachineOptions): void => {
  const machine = system(options);
  const guest = running(machine, 1);
  guest.setSysreg("SCTLR_EL1", CACHES_ON);
  call(guest, "PV_TIME_ST");
  call(guest, "HL_CONSOLE_WRITE", REGION - 8, 24);
  guest.load(RAM_BASE);
  call(guest, "HL_CONSOLE_WRITE", RAM_BASE, 8);
  guest.load(RAM_BASE);
};
