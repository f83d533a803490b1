// Places what a VM starts with in its guest-physical memory, and checks what depends on the sizes of files: that everything fits, and
// that nothing lies on something else. The device tree comes first in RAM, then the kernel, then the initial RAM disk.

import { bundle } from "../abi/bundle.ts";
import { guest } from "../abi/guest.ts";
import { describe, deviceSpans, overlap, ramSpan, rangeOf, type Span, tablesFor } from "./address-map.ts";
import type { Doorbell, SharedWindow } from "./config/links.ts";
import type { Mistake } from "./config/mistakes.ts";
import type { Draft } from "./config/parse.ts";
import { MEMORY_UNIT, rules } from "./config/rules.ts";
import type { Region, Vm } from "./config/schema.ts";
import { guestTree } from "./guest-tree.ts";
import { describeKernel, type Kernel, kernelEnd, type Segment } from "./kernel.ts";
import { alignUp, formatSize, hex } from "./size.ts";
import type { Payload } from "./sources.ts";
import type { VirtioDevice } from "./virtio.ts";

export interface LoadedRegion extends Omit<Region, "file"> {
  readonly file?: Payload | undefined;
}

/** A VM whose files are loaded. */
export interface LoadedVm extends Omit<Vm, "kernel" | "initrd" | "regions" | "shared"> {
  readonly kernel: Payload;
  readonly initrd?: Payload | undefined;
  readonly regions: readonly LoadedRegion[];
  readonly shared: readonly SharedWindow[];
  readonly doorbells: readonly Doorbell[];
  readonly virtio: readonly VirtioDevice[];
}

/** What there is of a VM: nothing where a setting is wrong, or a file could not be read. */
export interface DraftVm extends Omit<Draft<Vm>, "kernel" | "initrd" | "regions" | "shared"> {
  readonly kernel?: Payload | undefined;
  readonly initrd?: Payload | undefined;
  readonly regions: readonly {
    readonly ipa?: number | undefined;
    readonly size?: number | undefined;
    readonly file?: Payload | undefined;
  }[];
  readonly shared: readonly (SharedWindow | undefined)[];
}

/** What the bundle says about a VM; every `load` is an offset from the base of RAM. */
export interface PlacedVm extends Omit<LoadedVm, "kernel" | "initrd"> {
  readonly kernel: Kernel;
  readonly initrd?: Segment | undefined;
  readonly fdt: Segment;
}

const FDT_LOAD = 0;
const INITRD_ALIGN = MEMORY_UNIT;
/** Where the VM's memory is not known, nothing is too large for it. */
const ANY_MEMORY = Number.POSITIVE_INFINITY;

const initrdLoadBehind = (kernel: Kernel): number => alignUp(kernelEnd(kernel), INITRD_ALIGN);

/** The spans that the configuration chooses, each with its place; what is not right is left out. */
const chosenSpans = (vm: DraftVm): { span: Span; place: string; shared?: string }[] => [
  ...vm.regions.flatMap(({ ipa, size }, index) => {
    const place = `regions[${index}]`;
    return ipa === undefined || size === undefined ? [] : [{ span: { what: place, start: ipa, size }, place }];
  }),
  ...vm.shared.flatMap((window, index) => {
    if (window === undefined) return [];
    const place = `shared[${index}]`;
    return [{ span: { what: place, start: window.ipa, size: window.size }, place, shared: window.name }];
  }),
];

const spanMistakes = (vm: DraftVm, place: string): Mistake[] => {
  const chosen = chosenSpans(vm);
  const taken: Span[] = [...(vm.memory === undefined ? [] : [ramSpan(vm.memory)]), ...deviceSpans(vm.vcpus ?? 1)];
  const mistakes: Mistake[] = [];
  for (const { span, place: at, shared } of chosen) {
    const other = taken.find((candidate) => overlap(candidate, span));
    if (span.start + span.size > guest.IPA_LIMIT) {
      mistakes.push({ place: shared === undefined ? `${place}.${at}.size` : `${place}.${at}`, rule: rules.REGION_END() });
    } else if (other !== undefined) {
      const rule = shared === undefined ? rules.OVERLAP(describe(other)) : rules.SHARED_OVERLAP(shared, describe(other));
      mistakes.push({ place: `${place}.${at}`, rule });
    }
    taken.push(span);
  }
  if (mistakes.length > 0 || vm.memory === undefined || vm.tableQuota === undefined) return mistakes;
  const stolen = { what: "", start: guest.STOLEN_BASE, size: guest.STOLEN_SIZE };
  const own = chosen.filter(({ shared }) => shared === undefined).map(({ span }) => span);
  const shared = chosen.filter((one) => one.shared !== undefined).map(({ span }) => span);
  const tables = tablesFor([ramSpan(vm.memory), stolen, ...own], shared);
  return tables <= vm.tableQuota ? [] : [{ place: `${place}.tableQuota`, rule: rules.QUOTA_TOO_SMALL(String(tables)) }];
};

const fileMistakes = (vm: DraftVm, place: string): Mistake[] =>
  vm.regions.flatMap(({ file, size }, index) => {
    if (file === undefined || size === undefined || file.bytes.length <= size) return [];
    const rule = rules.REGION_FILE(file.path, formatSize(file.bytes.length), formatSize(size));
    return [{ place: `${place}.regions[${index}].file`, rule }];
  });

const elfRules = (vm: DraftVm, path: string, kernel: Kernel): string[] =>
  kernel.spans.flatMap(({ start, size }) => {
    const segment = rangeOf({ start: guest.RAM_BASE + start, size });
    if (start < 0 || start + size > (vm.memory ?? ANY_MEMORY)) {
      const ram = vm.memory === undefined ? `from ${hex(guest.RAM_BASE)}` : rangeOf(ramSpan(vm.memory));
      return [rules.ELF_OUTSIDE(path, segment, ram)];
    }
    const tree = { start: guest.RAM_BASE + FDT_LOAD, size: bundle.GUEST_FDT_MAX };
    return start < FDT_LOAD + tree.size ? [rules.ELF_ON_TREE(path, segment, rangeOf(tree))] : [];
  });

const kernelMistakes = (vm: DraftVm, place: string, path: string, kernel: Kernel): Mistake[] => {
  const at = `${place}.kernel`;
  const loadAt = `${place}.kernelLoad`;
  const memory = vm.memory ?? ANY_MEMORY;
  const { start: load, size } = kernel.spans[0]!;
  const { textOffset } = kernel;
  if (kernel.kind === "elf") {
    const unwanted = vm.kernelLoad === undefined ? [] : [{ place: loadAt, rule: rules.LOAD_OF_ELF(path) }];
    return [...unwanted, ...elfRules(vm, path, kernel).map((rule) => ({ place: at, rule }))];
  }
  if (textOffset !== undefined && (load < textOffset || (load - textOffset) % MEMORY_UNIT !== 0)) {
    return [{ place: loadAt, rule: rules.IMAGE_LOAD(hex(textOffset)) }];
  }
  if (load < FDT_LOAD + bundle.GUEST_FDT_MAX) return [{ place: loadAt, rule: rules.LOAD_ON_TREE() }];
  if (load + size > memory) {
    const rule = rules.KERNEL_TOO_LARGE(path, formatSize(size), formatSize(load), formatSize(memory));
    return [{ place: at, rule }];
  }
  return [];
};

const initrdMistakes = ({ memory, initrd }: DraftVm, place: string, kernel: Kernel): Mistake[] => {
  const load = initrdLoadBehind(kernel);
  if (memory === undefined || initrd === undefined || load + initrd.bytes.length <= memory) return [];
  const rule = rules.INITRD_TOO_LARGE(initrd.path, formatSize(initrd.bytes.length), formatSize(load), formatSize(memory));
  return [{ place: `${place}.initrd`, rule }];
};

/** What is wrong with a VM's files and with where things lie; `place` is where it stands in the configuration (`vms[0]`). */
export const checkVm = (vm: DraftVm, place: string): Mistake[] => {
  const around = [...spanMistakes(vm, place), ...fileMistakes(vm, place)];
  if (vm.kernel === undefined) return around;
  const kernel = describeKernel(vm.kernel, vm.kernelLoad);
  if (typeof kernel === "string") return [{ place: `${place}.kernel`, rule: kernel }, ...around];
  const mistakes = kernelMistakes(vm, place, vm.kernel.path, kernel);
  return [...mistakes, ...(mistakes.length === 0 ? initrdMistakes(vm, place, kernel) : []), ...around];
};

/** Places a VM in which checkVm finds no mistake. */
export const placeVm = (vm: LoadedVm): PlacedVm => {
  const kernel = describeKernel(vm.kernel, vm.kernelLoad);
  if (typeof kernel === "string") throw new RangeError(kernel);
  const initrd = vm.initrd && { load: initrdLoadBehind(kernel), bytes: vm.initrd.bytes };
  const at = initrd && { start: guest.RAM_BASE + initrd.load, size: initrd.bytes.length };
  const fdt = guestTree({ ...vm, virtio: vm.virtio.length, initrd: at });
  return { ...vm, kernel, initrd, fdt: { load: FDT_LOAD, bytes: fdt } };
};
