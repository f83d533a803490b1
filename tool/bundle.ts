// Writes the bundle of a system as abi/bundle.ts describes it: the manifest, a device tree, then every file at its own 2 MiB boundary, then
// the mark of its end.

import { bundle, bundleNames as names } from "../abi/bundle.ts";
import { type FdtNode, type FdtValue, fdtNode, writeFdt } from "./fdt.ts";
import type { LoadedRegion, PlacedVm } from "./layout.ts";
import { alignUp } from "./size.ts";

export interface BundleContents {
  readonly scrubAtBoot: boolean;
  /** `vgic=debug,…`, or empty. */
  readonly logLevels: string;
  readonly vms: readonly PlacedVm[];
}

const END_BYTES = 8;

/** Hands out the places behind the manifest, in the order in which they are asked for. */
class Payloads {
  readonly placed: { readonly offset: number; readonly bytes: Buffer }[] = [];
  end: number;

  constructor(manifestSize: number) {
    this.end = manifestSize;
  }

  /** The size of the bundle. */
  get total(): number {
    return alignUp(this.end, END_BYTES) + END_BYTES;
  }

  /** The offset and size of a payload, as a property's value. */
  add(bytes: Buffer): FdtValue {
    const offset = alignUp(this.end, bundle.PAYLOAD_ALIGN);
    this.placed.push({ offset, bytes });
    this.end = offset + bytes.length;
    return [BigInt(offset), BigInt(bytes.length)];
  }
}

const regionNode = (region: LoadedRegion, index: number, payloads: Payloads): FdtNode =>
  fdtNode(`region@${index}`, {
    [names.IPA]: BigInt(region.ipa),
    [names.SIZE]: BigInt(region.size),
    [names.READ_ONLY]: region.readOnly,
    ...(region.file === undefined ? {} : { [names.FILE]: payloads.add(region.file.bytes) }),
  });

const vmNode = (vm: PlacedVm, index: number, payloads: Payloads): FdtNode =>
  fdtNode(
    `vm@${index}`,
    {
      [names.NAME]: vm.name,
      [names.MEMORY]: BigInt(vm.memory),
      [names.KERNEL]: payloads.add(vm.kernel),
      [names.KERNEL_LOAD]: BigInt(vm.kernelLoad),
      [names.KERNEL_RESERVE]: BigInt(vm.kernelReserve),
      [names.KERNEL_ENTRY]: BigInt(vm.kernelLoad),
      ...(vm.initrd === undefined
        ? {}
        : { [names.INITRD]: payloads.add(vm.initrd.bytes), [names.INITRD_LOAD]: BigInt(vm.initrd.load) }),
      [names.FDT]: payloads.add(vm.fdt),
      [names.FDT_LOAD]: BigInt(vm.fdtLoad),
    },
    [
      fdtNode(
        names.REGIONS,
        {},
        vm.regions.map((region, number) => regionNode(region, number, payloads)),
      ),
    ],
  );

/** The manifest with its payloads placed behind `manifestSize` bytes; its own size does not depend on the numbers in it. */
const manifest = (contents: BundleContents, manifestSize: number): { fdt: Buffer; payloads: Payloads } => {
  const payloads = new Payloads(manifestSize);
  const vms = fdtNode(
    names.VMS,
    {},
    contents.vms.map((vm, index) => vmNode(vm, index, payloads)),
  );
  const properties = {
    compatible: names.COMPATIBLE,
    [names.TOTAL_SIZE]: BigInt(payloads.total),
    [names.NO_SCRUB]: !contents.scrubAtBoot,
    [names.LOG_LEVELS]: contents.logLevels === "" ? false : contents.logLevels,
  };
  return { fdt: writeFdt(fdtNode("", properties, [vms])), payloads };
};

export const writeBundle = (contents: BundleContents): Buffer => {
  const { fdt, payloads } = manifest(contents, manifest(contents, 0).fdt.length);
  const bytes = Buffer.alloc(payloads.total);
  bytes.set(fdt);
  for (const { offset, bytes: payload } of payloads.placed) bytes.set(payload, offset);
  bytes.writeBigUInt64LE(bundle.BUNDLE_END, bytes.length - END_BYTES);
  return bytes;
};
