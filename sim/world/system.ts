// Random systems: one to eight VMs of every kind that a configuration can describe, on one to four CPUs.

import { bundle } from "../../abi/bundle.ts";
import type { ConsoleMode } from "../../tool/bundle.ts";
import { MIB } from "../../tool/size.ts";
import type { VmOptions } from "../bundles.ts";
import { type CpuModel, cortexA57, future, max } from "../cpu-model.ts";
import { once, oneOf, type Random } from "../random.ts";
import type { SystemStart } from "../start.ts";
import { randomDevices } from "./devices.ts";

const MAX_VMS = 8;
const MAX_CPUS = 4;
const MODELS: readonly CpuModel[] = [cortexA57, max, future];
/** How many list registers a GIC may have, two at least; the fewer, the more waits for one. */
const LISTS = [2, 3, 4, 16];

/** RAM for the largest eight. */
const BANKS = [{ base: 0x4000_0000, size: 384 * MIB }];

const randomVm = (random: Random, index: number, cpus: number): VmOptions => {
  const affinity = Array.from({ length: cpus }, (_, n) => n).filter(() => once(random, 2));
  const isFirst = index === 0;
  const vcpus = 1 + random(once(random, 4) ? bundle.MAX_VCPUS : 3);
  return {
    // The first one runs from the start, and may change the others' lives.
    controller: isFirst || once(random, 6),
    autostart: isFirst || !once(random, 5),
    vcpus,
    memory: MIB * oneOf(random, [16, 16, 18, 24]),
    priority: 6 + random(4),
    share: oneOf(random, [1, 100, 100, 1000]),
    ...(once(random, 5) && { cap: 20 + random(100 * vcpus - 20) }),
    ...(affinity.length > 0 && once(random, 3) && { affinity }),
    crashPolicy: once(random, 2) ? "stop" : "reset",
    timeOnPause: once(random, 2) ? "stop" : "run",
    ...(once(random, 4) && {
      regions: [{ ipa: 0x400_0000, size: 0x4_0000, readOnly: once(random, 2), file: Buffer.alloc(0x1234, index + 1) }],
    }),
    ...(once(random, 4) && { initrd: Buffer.alloc(0x2345, 0x80 + index) }),
  };
};

const nameOf = (count: number, index: number): string => (count === 1 ? "guest" : `vm${index}`);

/** Pairs of VMs: each of all pairs with a chance of one in `times`. */
const randomPairs = (random: Random, count: number, times: number): [string, string][] => {
  const pairs: [string, string][] = [];
  for (let a = 0; a < count; a++)
    for (let b = a + 1; b < count; b++) if (once(random, times)) pairs.push([nameOf(count, a), nameOf(count, b)]);
  return pairs;
};

/** A region of memory that two VMs share: one of them may be a reader alone. */
interface SharedPair {
  readonly name: string;
  readonly size: number;
  readonly members: readonly string[];
  readonly readers: readonly string[];
}

const randomShared = (random: Random, count: number): SharedPair[] =>
  randomPairs(random, count, 8).map(([one, other], n) => ({
    name: `shared${n}`,
    size: oneOf(random, [0x1000, 0x3000, 2 * MIB]),
    members: [one, other],
    readers: once(random, 2) ? [other] : [],
  }));

const sharesOf = (shared: readonly SharedPair[], vm: string): NonNullable<VmOptions["shared"]> =>
  shared
    .filter(({ members }) => members.includes(vm))
    .slice(0, bundle.MAX_SHARES_OF_VM)
    .map(({ name, readers }) => ({ region: name, readOnly: readers.includes(vm) }));

export const randomSystem = (random: Random): SystemStart => {
  const cpus = 1 + random(MAX_CPUS);
  const count = 1 + random(MAX_VMS);
  const consoleMode: ConsoleMode = once(random, 2) ? "lines" : "terminal";
  const shared = randomShared(random, count);
  const names = Array.from({ length: count }, (_, index) => nameOf(count, index));
  const virtio = randomDevices(random, names);
  const vms = Array.from({ length: count }, (_, index) => ({
    name: names[index]!,
    ...randomVm(random, index, cpus),
    ...virtio.vms[index],
    shared: sharesOf(shared, nameOf(count, index)),
  }));
  return {
    cpus,
    vms,
    // Under fixed priorities a VM that never waits leaves those below it no time on the only CPU.
    scheduler: { policy: cpus > 1 && once(random, 2) ? "priority" : "share", slice: oneOf(random, [500, 1000, 10_000]) },
    shared: shared.map(({ name, size }) => ({ name, size })),
    disks: virtio.disks,
    switches: [...virtio.switches],
    pipes: [...virtio.pipes],
    doorbells: randomPairs(random, count, 3),
    scrubAtBoot: once(random, 2),
    console: consoleMode,
    machine: {
      banks: BANKS,
      virtio: virtio.board,
      cpu: { ...oneOf(random, MODELS), listRegisters: oneOf(random, LISTS) },
      pick: (called) => called[random(called.length)],
    },
  };
};
