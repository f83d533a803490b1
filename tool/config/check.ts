// What settings must be together: names that exist once and are known where they are used, limits of a VM's own CPUs and of the board's.

import { bundle } from "../../abi/bundle.ts";
import { guest } from "../../abi/guest.ts";
import { formatSize } from "../size.ts";
import { macOf } from "./mac.ts";
import type { Mistake } from "./mistakes.ts";
import type { Draft } from "./parse.ts";
import { rules } from "./rules.ts";
import type { Disk, System, Vm } from "./schema.ts";

type Named = { readonly name?: string | undefined };

const duplicateNames = (list: readonly Named[], place: string): Mistake[] =>
  list.flatMap(({ name }, index) => {
    const first = list.findIndex((other) => other.name === name);
    if (name === undefined || first === index) return [];
    return [{ place: `${place}[${index}].name`, rule: rules.SAME_NAME(`${place}[${first}]`) }];
  });

/** What connects VMs: each end is a VM that exists, another one, and none has too many. */
const endMistakes = (
  vms: readonly Draft<Vm>[],
  links: readonly (readonly (string | undefined)[] | undefined)[],
  placeOf: (index: number) => string,
  most: number,
  tooMany: (vm: string) => string,
): Mistake[] => {
  // Where a VM's name is wrong, who is missing cannot be said.
  const known = vms.every((vm) => vm.name !== undefined);
  const counts = new Map<string, number>();
  return links.flatMap((ends = [], index) => {
    const place = placeOf(index);
    if (ends.includes(undefined)) return [];
    if (ends.length === 2 && ends[0] === ends[1]) return [{ place, rule: rules.SAME_VM() }];
    return (ends as readonly string[]).flatMap((name, end) => {
      if (known && !vms.some((vm) => vm.name === name)) return [{ place: `${place}[${end}]`, rule: rules.NO_SUCH_VM(name) }];
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return counts.get(name)! > most ? [{ place, rule: tooMany(name) }] : [];
    });
  });
};

const doorbellMistakes = ({ doorbells = [], vms = [] }: Draft<System>): Mistake[] =>
  endMistakes(vms, doorbells, (index) => `doorbells[${index}]`, bundle.MAX_DOORBELLS_OF_VM, rules.DOORBELLS_MAX);

/** Pipes of which one end is a VM's have the board's console device at the other. */
const boardPipeMistakes = (pipes: readonly Draft<System["pipes"][number]>[]): Mistake[] => {
  const first = pipes.findIndex(({ between }) => between?.length === 1);
  return pipes.flatMap(({ between }, index) =>
    between?.length === 1 && index !== first ? [{ place: `pipes[${index}]`, rule: rules.PIPE_BOARD(`pipes[${first}]`) }] : [],
  );
};

const pipeMistakes = ({ pipes = [], vms = [] }: Draft<System>): Mistake[] => [
  ...duplicateNames(pipes, "pipes"),
  ...boardPipeMistakes(pipes),
  ...endMistakes(
    vms,
    pipes.map(({ between }) => between),
    (index) => `pipes[${index}].between`,
    bundle.MAX_PIPES_OF_VM,
    rules.PIPES_MAX,
  ),
];

const sharedMistakes = (system: Draft<System>): Mistake[] => {
  const shared = system.shared ?? [];
  const vms = system.vms ?? [];
  const complete = shared.every((region) => region.name !== undefined);
  const inVms = vms.flatMap((vm, id) =>
    (vm.shared ?? []).flatMap((share, index, list) => {
      const place = `vms[${id}].shared[${index}]`;
      const name = share.region;
      if (name === undefined) return [];
      if (complete && !shared.some((region) => region.name === name)) {
        return [{ place: `${place}.region`, rule: rules.NO_SUCH_SHARED(name) }];
      }
      const twice = list.findIndex((other) => other.region === name) < index;
      if (twice) return [{ place: `${place}.region`, rule: rules.SHARED_TWICE(name) }];
      const { size = 0 } = shared.find((region) => region.name === name) ?? {};
      // Page by page, the core would be long at it when it makes the VM.
      const between = size > guest.SHARED_STRIDE && (share.ipa ?? 0) % guest.SHARED_STRIDE !== 0;
      return between ? [{ place: `${place}.ipa`, rule: rules.SHARED_IPA() }] : [];
    }),
  );
  const unused = shared.flatMap((region, index) => {
    const name = region.name;
    const used = name === undefined || vms.some((vm) => vm.shared?.some((share) => share.region === name));
    return used ? [] : [{ place: `shared[${index}]`, rule: rules.SHARED_UNUSED(name) }];
  });
  return [...inVms, ...unused];
};

/** Whether a VM may write to a disk that it has. */
const writes = (disk: Draft<Disk> | undefined, { readOnly }: Draft<Vm["disks"][number]>): boolean =>
  disk?.writable === true && readOnly !== true;

const unusedDisk = (vms: readonly Draft<Vm>[], name: string, place: string): Mistake[] =>
  vms.some((vm) => vm.disks?.some((one) => one.disk === name)) ? [] : [{ place, rule: rules.DISK_UNUSED(name) }];

/** A slice of one of the board's disks: others on the same may overlap it only if nobody writes there. */
const sliceMistakes = (disks: readonly Draft<Disk>[], index: number, place: string): Mistake[] => {
  const disk = disks[index]!;
  if (disk.file !== undefined) return [{ place: `${place}.file`, rule: rules.DISK_FILE_OF_BOARD() }];
  const span = ({ start = 0, size = Number.POSITIVE_INFINITY }: Draft<Disk>): { from: number; end: number } => ({
    from: start,
    end: start + size,
  });
  const { size: whole, image } = disk.board ?? {};
  if (whole !== undefined && image === undefined) return [{ place: `${place}.board.size`, rule: rules.DISK_IMAGE_SIZE() }];
  const end = (disk.start ?? 0) + (disk.size ?? 1);
  if (whole !== undefined && end > whole) return [{ place, rule: rules.DISK_BEYOND(formatSize(whole)) }];
  const own = span(disk);
  const other = disks.findIndex((one, n) => {
    const { from, end } = span(one);
    const isOnSame = n < index && one.board?.serial !== undefined && one.board.serial === disk.board?.serial;
    return isOnSame && from < own.end && own.from < end && (one.writable === true || disk.writable === true);
  });
  return other < 0 ? [] : [{ place, rule: rules.DISK_SLICES(`disks[${other}]`) }];
};

const diskMistakes = (system: Draft<System>): Mistake[] => {
  const disks = system.disks ?? [];
  const vms = system.vms ?? [];
  const complete = disks.every((disk) => disk.name !== undefined);
  const inVms = vms.flatMap((vm, id) =>
    (vm.disks ?? []).flatMap((used, index, list) => {
      const place = `vms[${id}].disks[${index}]`;
      const name = used.disk;
      if (name === undefined) return [];
      const disk = disks.find((one) => one.name === name);
      if (complete && disk === undefined) return [{ place: `${place}.disk`, rule: rules.NO_SUCH_DISK(name) }];
      if (list.findIndex((other) => other.disk === name) < index)
        return [{ place: `${place}.disk`, rule: rules.DISK_TWICE(name) }];
      if (used.readOnly === false && disk?.writable === false)
        return [{ place: `${place}.readOnly`, rule: rules.DISK_READ_ONLY(name) }];
      const other = vms.findIndex((one, n) => n !== id && one.disks?.some((its) => its.disk === name));
      if (!writes(disk, used) || other < 0) return [];
      return [{ place, rule: rules.DISK_WRITERS(name, `vms[${other}]`) }];
    }),
  );
  const alone = disks.flatMap((disk, index) => {
    const place = `disks[${index}]`;
    if (disk.name === undefined) return [];
    if (disk.board !== undefined) return [...sliceMistakes(disks, index, place), ...unusedDisk(vms, disk.name, place)];
    if (disk.start !== undefined) return [{ place: `${place}.start`, rule: rules.DISK_START() }];
    if ((disk.size ?? 0) % bundle.DISK_BLOCK !== 0) return [{ place: `${place}.size`, rule: rules.DISK_BLOCKS() }];
    if (disk.file === undefined && (disk.size === undefined || disk.writable === false))
      return [{ place, rule: rules.DISK_EMPTY() }];
    if (disk.size !== undefined && disk.writable === false) return [{ place: `${place}.size`, rule: rules.DISK_SIZE() }];
    return unusedDisk(vms, disk.name, place);
  });
  return [...inVms, ...alone];
};

const netMistakes = (system: Draft<System>): Mistake[] => {
  const switches = system.switches ?? [];
  const vms = system.vms ?? [];
  const complete = switches.every((one) => one.name !== undefined);
  /** Whose an address on a switch is. */
  const owners = new Map<string, string>();
  const ports = new Map<string, number>();
  const inVms = vms.flatMap((vm, id) =>
    (vm.nets ?? []).flatMap((net, index) => {
      const place = `vms[${id}].nets[${index}]`;
      const name = net.switch;
      if (name === undefined) return [];
      if (complete && !switches.some((one) => one.name === name))
        return [{ place: `${place}.switch`, rule: rules.NO_SUCH_SWITCH(name) }];
      ports.set(name, (ports.get(name) ?? 0) + 1);
      if (ports.get(name)! > bundle.MAX_PORTS) return [{ place: `${place}.switch`, rule: rules.SWITCH_PORTS(name) }];
      if (vm.name === undefined) return [];
      const address = `${name} ${macOf(vm.name, index, net.mac).toLowerCase()}`;
      const other = owners.get(address);
      owners.set(address, other ?? place);
      return other === undefined ? [] : [{ place: `${place}.mac`, rule: rules.SAME_MAC(other) }];
    }),
  );
  const unused = switches.flatMap(({ name }, index) => {
    const used = name === undefined || vms.some((vm) => vm.nets?.some((net) => net.switch === name));
    return used ? [] : [{ place: `switches[${index}]`, rule: rules.SWITCH_UNUSED(name) }];
  });
  return [...inVms, ...unused];
};

/** How many virtio devices a VM has. */
const virtioMistakes = ({ name, nets, disks, devices }: Draft<Vm>, place: string, pipes: Draft<System>["pipes"]): Mistake[] => {
  const hasConsole = devices?.console === true || pipes?.some(({ between }) => name !== undefined && between?.includes(name));
  const single = [devices?.entropy, hasConsole].filter(Boolean).length;
  const count = (nets?.length ?? 0) + (disks?.length ?? 0) + single;
  return count > bundle.MAX_VIRTIO_OF_VM ? [{ place, rule: rules.VIRTIO_MAX() }] : [];
};

const startMistakes = (vms: readonly Draft<Vm>[]): Mistake[] => {
  if (vms.length > 0 && vms.every((vm) => vm.autostart === false)) return [{ place: "vms", rule: rules.NOTHING_STARTS() }];
  return vms.flatMap((vm, id) => {
    const waits = vm.autostart === false && !vms.some((other) => other !== vm && other.controller !== false);
    return waits ? [{ place: `vms[${id}].autostart`, rule: rules.NOBODY_STARTS() }] : [];
  });
};

const cpuMistakes = (vm: Draft<Vm>, place: string, boardCpus: number | undefined): Mistake[] => {
  const mistakes: Mistake[] = [];
  const { vcpus, cap, affinity } = vm;
  if (cap !== undefined && vcpus !== undefined && cap > 100 * vcpus) {
    const rule = rules.CAP_OF_VCPUS(String(100 * vcpus), vcpus === 1 ? "1 vCPU" : `${vcpus} vCPUs`);
    mistakes.push({ place: `${place}.cap`, rule });
  }
  for (const [index, cpu] of (affinity ?? []).entries()) {
    if (cpu === undefined || boardCpus === undefined || cpu < boardCpus) continue;
    const rule = rules.CPU_OF_BOARD(String(cpu), boardCpus === 1 ? "1 CPU" : `${boardCpus} CPUs`);
    mistakes.push({ place: `${place}.affinity[${index}]`, rule });
  }
  return mistakes;
};

/** Modules come with the kernel. */
const moduleMistakes = ({ kernel, initrd }: Draft<Vm>, place: string): Mistake[] => {
  const hasModules = typeof initrd === "object" && "busybox" in initrd && initrd.busybox !== true && initrd.busybox.modules;
  if (!hasModules || kernel === undefined || (typeof kernel === "object" && kernel.debian !== "u-boot")) return [];
  return [{ place: `${place}.initrd.busybox.modules`, rule: rules.MODULES_KERNEL() }];
};

/** Every mistake that settings make together. */
export const checkSystem = (system: Draft<System>): Mistake[] => {
  const vms = system.vms ?? [];
  return [
    ...duplicateNames(system.shared ?? [], "shared"),
    ...doorbellMistakes(system),
    ...pipeMistakes(system),
    ...duplicateNames(vms, "vms"),
    ...startMistakes(vms),
    ...vms.flatMap((vm, id) => cpuMistakes(vm, `vms[${id}]`, system.board?.cpus)),
    ...vms.flatMap((vm, id) => moduleMistakes(vm, `vms[${id}]`)),
    ...vms.flatMap((vm, id) => virtioMistakes(vm, `vms[${id}]`, system.pipes)),
    ...duplicateNames(system.disks ?? [], "disks"),
    ...diskMistakes(system),
    ...duplicateNames(system.switches ?? [], "switches"),
    ...netMistakes(system),
    ...sharedMistakes(system),
  ];
};
