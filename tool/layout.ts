// Places what a VM starts with in its guest-physical memory, and checks what depends on the sizes of files: that everything fits, and
// that nothing lies on something else. The device tree comes first in RAM, then the kernel, then the initial RAM disk.

import { bundle } from "../abi/bundle.ts";
import { guest } from "../abi/guest.ts";
import { ConfigError, type Mistake, type Region, type Vm } from "./config.ts";
import { guestTree } from "./guest-tree.ts";
import { describeKernel, type Kernel } from "./kernel.ts";
import { alignUp, formatSize, hex, KIB, MIB } from "./size.ts";

/** A file of a VM in memory, with the path that messages name. */
export interface Payload {
  readonly path: string;
  readonly bytes: Buffer;
}

export interface LoadedRegion extends Omit<Region, "file"> {
  readonly file?: Payload | undefined;
}

/** A VM whose files are loaded. */
export interface LoadedVm extends Omit<Vm, "kernel" | "initrd" | "regions"> {
  readonly kernel: Payload;
  readonly initrd?: Payload | undefined;
  readonly regions: readonly LoadedRegion[];
}

/** What the bundle says about a VM; every `…Load` is an offset from the base of RAM. */
export interface PlacedVm {
  readonly name: string;
  readonly memory: number;
  readonly kernel: Buffer;
  readonly kernelLoad: number;
  readonly kernelReserve: number;
  readonly initrd?: { readonly bytes: Buffer; readonly load: number } | undefined;
  readonly fdt: Buffer;
  readonly fdtLoad: number;
  readonly regions: readonly LoadedRegion[];
}

const PAGE = 4 * KIB;
const IMAGE_ALIGN = 2 * MIB;
const INITRD_ALIGN = 2 * MIB;
const FDT_LOAD = 0;
const VCPUS = 1;
/** As many transports as QEMU's `virt` has; later devices of a VM appear there. */
const VIRTIO_SLOTS = 32;

interface Span {
  readonly what: string;
  readonly start: number;
  readonly size: number;
}

const devices: readonly Span[] = [
  { what: "the interrupt distributor", start: guest.GICD_BASE, size: guest.GICD_SIZE },
  { what: "the redistributors", start: guest.GICR_BASE, size: guest.GICR_STRIDE * VCPUS },
  { what: "the UART", start: guest.UART_BASE, size: guest.UART_SIZE },
  { what: "the real-time clock", start: guest.RTC_BASE, size: guest.RTC_SIZE },
  { what: "the virtio devices", start: guest.VIRTIO_BASE, size: guest.VIRTIO_STRIDE * VIRTIO_SLOTS },
];

const overlap = (a: Span, b: Span): boolean => a.start < b.start + b.size && b.start < a.start + a.size;
const describe = ({ what, start, size }: Span): string => `${what} (${hex(start)} to ${hex(start + size - 1)})`;

const regionMistakes = (vm: LoadedVm, place: string): Mistake[] => {
  const taken: Span[] = [{ what: "the RAM", start: guest.RAM_BASE, size: vm.memory }, ...devices];
  const mistakes: Mistake[] = [];
  for (const [index, region] of vm.regions.entries()) {
    const span: Span = { what: `regions[${index}]`, start: region.ipa, size: region.size };
    const other = taken.find((candidate) => overlap(candidate, span));
    if (other !== undefined) mistakes.push({ place: `${place}.${span.what}`, rule: `must not overlap ${describe(other)}` });
    if (region.file !== undefined && region.file.bytes.length > region.size) {
      const { path, bytes } = region.file;
      const rule = `${path} has ${formatSize(bytes.length)}, which is more than the region's ${formatSize(region.size)}`;
      mistakes.push({ place: `${place}.${span.what}.file`, rule });
    }
    taken.push(span);
  }
  return mistakes;
};

const kernelMistakes = (vm: LoadedVm, place: string, kernel: Kernel, load: number): Mistake[] => {
  if (kernel.textOffset !== undefined && (load < kernel.textOffset || (load - kernel.textOffset) % IMAGE_ALIGN !== 0)) {
    const rule = `must be a multiple of ${formatSize(IMAGE_ALIGN)} plus the Image's text_offset ${hex(kernel.textOffset)}`;
    return [{ place: `${place}.kernelLoad`, rule }];
  }
  if (load < bundle.GUEST_FDT_MAX) {
    const rule = `must be at least ${formatSize(bundle.GUEST_FDT_MAX)}: the device tree lies at the base of RAM`;
    return [{ place: `${place}.kernelLoad`, rule }];
  }
  if (load + kernel.reserve > vm.memory) {
    const rule = `${vm.kernel.path} is too large: it takes ${formatSize(kernel.reserve)} from ${formatSize(load)} on, and the VM has ${formatSize(vm.memory)} of memory`;
    return [{ place: `${place}.kernel`, rule }];
  }
  return [];
};

/** Places a VM; `place` is where it stands in the configuration (`vms[0]`). Throws a ConfigError. */
export const placeVm = (vm: LoadedVm, place: string): PlacedVm => {
  const kernel = describeKernel(vm.kernel.bytes);
  if (typeof kernel === "string") throw new ConfigError([{ place: `${place}.kernel`, rule: `${vm.kernel.path} ${kernel}` }]);
  const kernelLoad = vm.kernelLoad ?? kernel.load;
  const kernelReserve = alignUp(kernel.reserve, PAGE);
  const initrdLoad = alignUp(kernelLoad + kernelReserve, INITRD_ALIGN);
  const mistakes = [...kernelMistakes(vm, place, kernel, kernelLoad), ...regionMistakes(vm, place)];
  if (mistakes.length === 0 && vm.initrd !== undefined && initrdLoad + vm.initrd.bytes.length > vm.memory) {
    const { path, bytes } = vm.initrd;
    const rule = `${path} does not fit: its ${formatSize(bytes.length)} would start ${formatSize(initrdLoad)} into ${formatSize(vm.memory)} of memory, behind the kernel`;
    mistakes.push({ place: `${place}.initrd`, rule });
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  const initrd = vm.initrd && { start: guest.RAM_BASE + initrdLoad, size: vm.initrd.bytes.length };
  return {
    name: vm.name,
    memory: vm.memory,
    kernel: vm.kernel.bytes,
    kernelLoad,
    kernelReserve,
    initrd: vm.initrd && { bytes: vm.initrd.bytes, load: initrdLoad },
    fdt: guestTree({ memory: vm.memory, vcpus: VCPUS, bootargs: vm.bootargs, initrd }),
    fdtLoad: FDT_LOAD,
    regions: vm.regions,
  };
};
