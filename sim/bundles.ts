// Bundles of systems that a test describes in a line: what it does not say is as the tool has it, so small that it costs nothing.

import { type ConsoleMode, writeBundle } from "../tool/bundle.ts";
import { doorbellsOf, windowsOf } from "../tool/config/links.ts";
import { parseSystem } from "../tool/config/parse.ts";
import type { LogLevels, System, Vm } from "../tool/config/schema.ts";
import { placeDisk } from "../tool/disks.ts";
import { type LoadedRegion, type LoadedVm, placeVm } from "../tool/layout.ts";
import { MIB } from "../tool/size.ts";
import { virtioOf } from "../tool/virtio.ts";

export interface VmOptions extends Partial<Omit<Vm, "kernel" | "initrd" | "regions" | "devices">> {
  readonly devices?: Partial<Vm["devices"]>;
  readonly kernel?: Buffer;
  readonly initrd?: Buffer;
  readonly regions?: readonly (Omit<LoadedRegion, "file"> & { readonly file?: Buffer })[];
}

/** A disk by its name, and what is on it. */
export interface DiskOptions {
  readonly name: string;
  readonly file?: Buffer;
  readonly size?: number;
  readonly writable?: boolean;
  readonly board?: { readonly serial: string };
  readonly start?: number;
}

export interface SystemSettings
  extends Partial<Pick<System, "scrubAtBoot" | "scheduler" | "shared" | "switches" | "pipes" | "doorbells">> {
  readonly disks?: readonly DiskOptions[];
  /** As the bundle has it, be it right or not: `vgic=debug,sched=info`. */
  readonly logLevels?: string;
  readonly console?: ConsoleMode;
}

export interface SystemOptions extends SystemSettings {
  readonly vms: readonly VmOptions[];
}

const payload = (path: string, bytes: Buffer): { path: string; bytes: Buffer } => ({ path, bytes });

/** The defaults of the tool. */
const usual = (): { system: System; vm: Vm } => {
  const { system } = parseSystem({ vms: [{ name: "guest", memory: 16 * MIB, kernel: "kernel" }] });
  const vm = system?.vms[0];
  if (system === undefined || vm === undefined) throw new Error("the least configuration is not right");
  return { system, vm };
};

export const bundleOfSystem = ({
  vms: options,
  logLevels = "",
  console = "lines",
  disks = [],
  ...settings
}: SystemOptions): Buffer => {
  const { system: usualSystem, vm: usualVm } = usual();
  const named = options.map((vm, n) => ({ name: options.length === 1 ? "guest" : `vm${n}`, ...vm }));
  const vms = named.map(
    (vm): Vm => ({
      ...usualVm,
      ...vm,
      devices: { ...usualVm.devices, ...vm.devices },
      kernel: "",
      initrd: undefined,
      regions: [],
    }),
  );
  const system: System = {
    ...usualSystem,
    ...settings,
    vms,
    disks: disks.map((disk) => ({ writable: false, ...disk, file: "" })),
  };
  const loaded = named.map(({ kernel = Buffer.from("kernel"), initrd, regions = [] }, id): LoadedVm => {
    const files = regions.map(({ file, ...region }) => ({ ...region, file: file && payload("file", file) }));
    const shared = windowsOf(system, id).filter((window) => window !== undefined);
    const links = { shared, doorbells: doorbellsOf(system, id), virtio: virtioOf(system, vms[id]!) };
    return {
      ...vms[id]!,
      ...links,
      kernel: payload("kernel", kernel),
      initrd: initrd && payload("initrd", initrd),
      regions: files,
    };
  });
  const placed = disks.map(({ file, ...disk }) => placeDisk({ ...disk, file: file && payload("disk", file) }));
  const [first = "", rest = ""] = logLevels.split(/=(.*)/s);
  const levels = (logLevels === "" ? {} : { [first]: rest }) as LogLevels;
  return writeBundle({ ...system, disks: placed, console, logLevels: levels, vms: loaded.map((vm) => placeVm(vm)) });
};

/** The bundle of one VM, with what is said of its system. */
export const bundleOf = ({
  scrubAtBoot = true,
  logLevels = "",
  console = "lines",
  ...vm
}: VmOptions & Pick<SystemSettings, "scrubAtBoot" | "logLevels" | "console"> = {}): Buffer =>
  bundleOfSystem({ scrubAtBoot, logLevels, console, vms: [vm] });
