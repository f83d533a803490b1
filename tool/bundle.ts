// Writes the bundle of a system as abi/bundle.ts describes it: the manifest, a device tree, then every file at its own 2 MiB boundary, then
// the mark of its end. A file that several VMs use is in it once: the core only reads it.

import { bundle, crashPolicies, bundleNames as names, policies } from "../abi/bundle.ts";
import type { Doorbell, SharedWindow } from "./config/links.ts";
import { macNumber } from "./config/mac.ts";
import type { LogLevels, System, Vm } from "./config/schema.ts";
import type { PlacedDisk } from "./disks.ts";
import { type FdtNode, type FdtValue, fdtNode, writeFdt } from "./fdt.ts";
import { kernelEnd, type Segment } from "./kernel.ts";
import type { LoadedRegion, PlacedVm } from "./layout.ts";
import { alignUp } from "./size.ts";
import type { VirtioDevice } from "./virtio.ts";

/** "terminal": one terminal for all VMs, with keys that choose; "lines": whole lines, for machines. */
export type ConsoleMode = "terminal" | "lines";

export interface BundleContents {
  readonly console: ConsoleMode;
  readonly scrubAtBoot: boolean;
  readonly logLevels: LogLevels;
  readonly scheduler: System["scheduler"];
  readonly shared: System["shared"];
  readonly disks: readonly PlacedDisk[];
  readonly switches: System["switches"];
  readonly pipes: System["pipes"];
  readonly vms: readonly PlacedVm[];
}

const END_BYTES = 8;

const POLICIES: Readonly<Record<System["scheduler"]["policy"], number>> = {
  priority: policies.POLICY_PRIORITY,
  share: policies.POLICY_SHARE,
};

const CRASH_POLICIES: Readonly<Record<Vm["crashPolicy"], number>> = {
  stop: crashPolicies.CRASH_STOP,
  reset: crashPolicies.CRASH_RESET,
  "stop-all": crashPolicies.CRASH_STOP_ALL,
};

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
    let found = this.placed.find((payload) => payload.bytes.equals(bytes));
    if (found === undefined) {
      found = { offset: alignUp(this.end, bundle.PAYLOAD_ALIGN), bytes };
      this.placed.push(found);
      this.end = found.offset + bytes.length;
    }
    return [BigInt(found.offset), BigInt(bytes.length)];
  }
}

/** A node `list` with a child `child@n` for each item; none without items. */
const listNode = <Item>(
  list: string,
  child: string,
  items: readonly Item[],
  properties: (item: Item) => Record<string, FdtValue>,
  children: (item: Item) => FdtNode[] = () => [],
): FdtNode[] =>
  items.length === 0
    ? []
    : [
        fdtNode(
          list,
          {},
          items.map((item, index) => fdtNode(`${child}@${index}`, properties(item), children(item))),
        ),
      ];

const regionProperties =
  (payloads: Payloads) =>
  ({ ipa, size, readOnly, file }: LoadedRegion): Record<string, FdtValue> => ({
    [names.IPA]: BigInt(ipa),
    [names.SIZE]: BigInt(size),
    [names.READ_ONLY]: readOnly,
    [names.FILE]: file !== undefined && payloads.add(file.bytes),
  });

const segmentProperties =
  (payloads: Payloads) =>
  ({ load, bytes }: Segment): Record<string, FdtValue> => ({
    [names.FILE]: payloads.add(bytes),
    [names.LOAD]: BigInt(load),
  });

const windowProperties = ({ index, ipa, readOnly }: SharedWindow): Record<string, FdtValue> => ({
  [names.INDEX]: BigInt(index),
  [names.IPA]: BigInt(ipa),
  [names.READ_ONLY]: readOnly,
});

const doorbellProperties = ({ peer, number }: Doorbell): Record<string, FdtValue> => ({
  [names.PEER]: BigInt(peer),
  [names.NUMBER]: BigInt(number),
});

const diskProperties =
  (payloads: Payloads) =>
  ({ size, file, writable, board, start }: PlacedDisk): Record<string, FdtValue> => ({
    [names.SIZE]: size !== undefined && BigInt(size),
    [names.FILE]: file !== undefined && payloads.add(file),
    [names.WRITABLE]: writable,
    [names.BOARD]: board !== undefined && board,
    [names.START]: start !== undefined && BigInt(start),
  });

const virtioProperties = ({
  type,
  disk,
  readOnly = false,
  serial,
  switch: net,
  mac,
  rate,
  console = false,
}: VirtioDevice): Record<string, FdtValue> => ({
  [names.TYPE]: BigInt(type),
  [names.DISK]: disk !== undefined && BigInt(disk),
  [names.READ_ONLY]: readOnly,
  [names.SERIAL]: serial !== undefined && serial,
  [names.SWITCH]: net !== undefined && BigInt(net),
  [names.MAC]: mac !== undefined && mac,
  [names.RATE]: rate !== undefined && BigInt(rate),
  [names.CONSOLE]: console,
});

const virtioPorts = ({ pipes = [] }: VirtioDevice): FdtNode[] =>
  listNode(names.PORTS, "port", pipes, (index) => ({ [names.INDEX]: BigInt(index) }));

const kernelProperties = (vm: PlacedVm, payloads: Payloads): Record<string, FdtValue> => {
  const { segments, entry } = vm.kernel;
  const { load, bytes } = segments[0]!;
  return {
    [names.KERNEL]: payloads.add(bytes),
    [names.KERNEL_LOAD]: BigInt(load),
    [names.KERNEL_RESERVE]: BigInt(kernelEnd(vm.kernel) - load),
    [names.KERNEL_ENTRY]: BigInt(entry),
  };
};

const vmNode = (vm: PlacedVm, index: number, payloads: Payloads): FdtNode => {
  const affinity = vm.affinity?.reduce((mask, cpu) => mask | (1 << cpu), 0) ?? 0;
  const properties = {
    [names.NAME]: vm.name,
    [names.MEMORY]: BigInt(vm.memory),
    [names.VCPUS]: BigInt(vm.vcpus),
    [names.PRIORITY]: BigInt(vm.priority),
    [names.AFFINITY]: BigInt(affinity),
    [names.SHARE]: BigInt(vm.share),
    [names.CAP]: BigInt(vm.cap ?? 0),
    [names.CRASH_POLICY]: BigInt(CRASH_POLICIES[vm.crashPolicy]),
    [names.NO_AUTOSTART]: !vm.autostart,
    [names.CONTROLLER]: vm.controller,
    [names.TIME_RUNS]: vm.timeOnPause === "run",
    [names.TABLE_QUOTA]: BigInt(vm.tableQuota),
    ...kernelProperties(vm, payloads),
    [names.INITRD]: vm.initrd !== undefined && payloads.add(vm.initrd.bytes),
    [names.INITRD_LOAD]: vm.initrd !== undefined && BigInt(vm.initrd.load),
    [names.FDT]: payloads.add(vm.fdt.bytes),
    [names.FDT_LOAD]: BigInt(vm.fdt.load),
  };
  return fdtNode(`vm@${index}`, properties, [
    ...listNode(names.SEGMENTS, "segment", vm.kernel.kind === "elf" ? vm.kernel.segments : [], segmentProperties(payloads)),
    ...listNode(names.REGIONS, "region", vm.regions, regionProperties(payloads)),
    ...listNode(names.SHARED, "shared", vm.shared, windowProperties),
    ...listNode(names.DOORBELLS, "doorbell", vm.doorbells, doorbellProperties),
    ...listNode(names.VIRTIO, "virtio", vm.virtio, virtioProperties, virtioPorts),
  ]);
};

/** The manifest with its payloads placed behind `manifestSize` bytes; its own size does not depend on the numbers in it. */
const manifest = (contents: BundleContents, manifestSize: number): { fdt: Buffer; payloads: Payloads } => {
  const payloads = new Payloads(manifestSize);
  const vms = contents.vms.map((vm, index) => vmNode(vm, index, payloads));
  const disks = listNode(names.DISKS, "disk", contents.disks, diskProperties(payloads));
  const switches = listNode(names.SWITCHES, "switch", contents.switches, ({ capture, uplink }) => ({
    [names.CAPTURE]: capture !== undefined && BigInt(capture),
    [names.UPLINK]: uplink !== undefined && (uplink === true ? 0n : macNumber(uplink.mac)),
  }));
  const pipes = listNode(names.PIPES, "pipe", contents.pipes, ({ name }) => ({ [names.PIPE_NAME]: name }));
  const levels = Object.entries(contents.logLevels).map(([module, level]) => `${module}=${level}`);
  const properties = {
    compatible: names.COMPATIBLE,
    [names.TOTAL_SIZE]: BigInt(payloads.total),
    [names.NO_SCRUB]: !contents.scrubAtBoot,
    [names.LOG_LEVELS]: levels.length > 0 && levels.join(","),
    [names.CONSOLE]: contents.console,
    [names.POLICY]: BigInt(POLICIES[contents.scheduler.policy]),
    [names.SLICE]: BigInt(contents.scheduler.slice),
  };
  const shared = listNode(names.SHARED, "shared", contents.shared, ({ size }) => ({ [names.SIZE]: BigInt(size) }));
  return {
    fdt: writeFdt(fdtNode("", properties, [...shared, ...disks, ...switches, ...pipes, fdtNode(names.VMS, {}, vms)])),
    payloads,
  };
};

export const writeBundle = (contents: BundleContents): Buffer => {
  const { fdt, payloads } = manifest(contents, manifest(contents, 0).fdt.length);
  const bytes = Buffer.alloc(payloads.total);
  bytes.set(fdt);
  for (const { offset, bytes: payload } of payloads.placed) bytes.set(payload, offset);
  bytes.writeBigUInt64LE(bundle.BUNDLE_END, bytes.length - END_BYTES);
  return bytes;
};
