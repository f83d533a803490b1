// What connects VMs, as each of them has it: the shared regions that it sees, and where; its doorbells, and whose they are.

import { guest } from "../../abi/guest.ts";
import { alignUp } from "../size.ts";
import type { Draft } from "./parse.ts";
import type { System } from "./schema.ts";

/** A shared region in a VM's memory map. */
export interface SharedWindow {
  readonly name: string;
  /** Its number among the system's. */
  readonly index: number;
  readonly ipa: number;
  readonly size: number;
  readonly readOnly: boolean;
}

export interface Doorbell {
  /** The number of the VM that it rings at, its name, and the number of the doorbell there. */
  readonly peer: number;
  readonly peerName: string;
  readonly number: number;
}

/** Where each shared region lies unless a VM says otherwise: one behind the other, so that all VMs see it at one address. */
const usualAddresses = (shared: Draft<System["shared"]>): number[] => {
  let next = guest.SHARED_BASE;
  return shared.map((region) => {
    const ipa = next;
    next += alignUp(region.size ?? 0, guest.SHARED_STRIDE);
    return ipa;
  });
};

/** The shared regions that VM `id` sees, in the order of its own list; those that are not right are left out, as undefined. */
export const windowsOf = (system: Draft<System>, id: number): (SharedWindow | undefined)[] => {
  const shared = system.shared ?? [];
  const usual = usualAddresses(shared);
  return (system.vms?.[id]?.shared ?? []).map((share) => {
    const index = shared.findIndex((region) => region.name !== undefined && region.name === share.region);
    const { name, size } = shared[index] ?? {};
    if (name === undefined || size === undefined) return undefined;
    return { name, index, ipa: share.ipa ?? usual[index]!, size, readOnly: share.readOnly ?? false };
  });
};

/** The doorbells of VM `id`, by their numbers. Each pair of the configuration is one doorbell of either VM. */
export const doorbellsOf = (system: System, id: number): Doorbell[] => {
  const used = system.vms.map(() => 0);
  const own: Doorbell[] = [];
  for (const pair of system.doorbells) {
    const [one, other] = pair.map((name) => system.vms.findIndex((vm) => vm.name === name)) as [number, number];
    const [numberOfOne, numberOfOther] = [used[one]!++, used[other]!++];
    if (one === id) own.push({ peer: other, peerName: pair[1], number: numberOfOther });
    if (other === id) own.push({ peer: one, peerName: pair[0], number: numberOfOne });
  }
  return own;
};
