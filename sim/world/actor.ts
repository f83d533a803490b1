// Who acts in a world: a vCPU of a hostile guest, what it knows, and what it is about to do.

import type { Guest } from "../guest.ts";
import type { Random } from "../random.ts";
import type { Devices } from "./driver.ts";

export interface Actor {
  readonly guest: Guest;
  readonly random: Random;
  readonly vm: number;
  readonly vcpu: number;
  /** How many VMs there are. */
  readonly vms: number;
  /** Its VM changes the lives of others. */
  readonly isController: boolean;
  /** Its VM's virtio devices, as all of its vCPUs drive them. */
  readonly devices: Devices;
  /** What it is about to do, before anything else, and how much of that is done. */
  plan: readonly Action[];
  planned: number;
  /** What it does, and how often it is about to do that again: software goes in loops. */
  action: Action;
  again: number;
  /** The interrupts that it has acknowledged and not ended. */
  readonly taken: number[];
}

export type Action = (actor: Actor) => void;

export const begin = (actor: Actor, plan: readonly Action[]): void => {
  actor.plan = plan;
  actor.planned = 0;
};
