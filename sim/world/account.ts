// The account at the end of a world: a controller waits until no VM is being destroyed, and asks what is free. By then nothing may be lost, and what it is
// told is what the core's books say.

import { vmFacts, vmStates } from "../../abi/calls.ts";
import { callId } from "../call-ids.ts";
import type { Guest } from "../guest.ts";
import type { Machine } from "../machine.ts";

const STATE = callId("HL_VM_STATE");
const FACT = callId("HL_VM_FACT");
/** Ticks that pass where no controller is on a CPU, or a VM is still being destroyed, and how often before that is taken to be so for good. */
const WHILE = 20_000n;
const PATIENCE = 200;

/** The vCPU of a controller that is on a CPU. */
const controllerOf = ({ cpus }: Machine, controllers: ReadonlySet<number>): Guest | undefined =>
  cpus.find((cpu) => cpu.vcpu !== 0 && controllers.has(cpu.stage2.vmid - 1))?.guest;

/** Takes the account, if it comes to one. `controllers`: numbers of VMs; `vms`: how many there are in all. */
export const takeAccount = (machine: Machine, controllers: ReadonlySet<number>, vms: number): boolean => {
  const ask = (id: bigint, argument: number): bigint | undefined => {
    const guest = controllerOf(machine, controllers);
    return guest?.hvc(id, BigInt(argument)) === 0n ? guest.x(1) : undefined;
  };
  const isQuiet = (): boolean => {
    for (let vm = 0; vm < vms; vm++) {
      const state = ask(STATE, vm);
      if (state === undefined || state === BigInt(vmStates.VM_DESTROYING)) return false;
    }
    return true;
  };
  for (let n = 0; n < PATIENCE; n++) {
    if (isQuiet()) {
      const [memory, tables] = [ask(FACT, vmFacts.VM_FACT_FREE_MEMORY), ask(FACT, vmFacts.VM_FACT_FREE_TABLES)];
      if (memory === undefined || tables === undefined) continue;
      machine.ledger.close();
      machine.ledger.requireFree(memory, tables);
      return true;
    }
    machine.run.advance(WHILE);
  }
  return false;
};
