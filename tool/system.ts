// From a configuration on disk to a bundle: checks what it says, fetches or makes the files that it names, places them. Every mistake
// is found before any is told.

import { basename, dirname, resolve } from "node:path";
import { checkBoardMemory } from "./board-memory.ts";
import { checkBoardRows } from "./board-rows.ts";
import { type ConsoleMode, writeBundle } from "./bundle.ts";
import { checkSystem } from "./config/check.ts";
import { doorbellsOf, type SharedWindow, windowsOf } from "./config/links.ts";
import { ConfigError, type Mistake } from "./config/mistakes.ts";
import { type Draft, parseSystem } from "./config/parse.ts";
import type { Board, LogLevels, System } from "./config/schema.ts";
import { findConfig, loadConfig } from "./config-file.ts";
import type { DiskImage } from "./disk-image.ts";
import { checkDisks, loadDisks, type PlacedDisk, placeDisk } from "./disks.ts";
import { checkVm, type DraftVm, type LoadedRegion, type LoadedVm, placeVm } from "./layout.ts";
import { Files } from "./sources.ts";
import { virtioOf } from "./virtio.ts";

export interface BuildOptions {
  /** Overrides the configuration's `scrubAtBoot`. */
  readonly scrubAtBoot?: boolean | undefined;
  /** Added to the configuration's levels. */
  readonly logLevels?: LogLevels | undefined;
  /** By default "lines". */
  readonly console?: ConsoleMode | undefined;
  /** Override what the configuration says of its board. */
  readonly cpus?: number | undefined;
  readonly memory?: number | undefined;
}

export interface BuiltSystem {
  readonly name: string;
  /** What it runs on: as configured, or as overridden. */
  readonly board: Board;
  /** Network devices that it wants of its board. */
  readonly nets: readonly { readonly mac?: string }[];
  /** Disks that it wants of its board. */
  readonly disks: readonly DiskImage[];
  /** A pipe of it ends at a console device of its board. */
  readonly pipe: boolean;
  readonly bundle: Buffer;
}

interface Examined {
  readonly mistakes: readonly Mistake[];
  /** Places of files that were not looked at, because that takes a network. */
  readonly unseen: readonly string[];
  /** Set when there are no mistakes, and all files were there. */
  readonly built?: BuiltSystem | undefined;
}

const withBoard = <Value extends Draft<System>>(system: Value, { cpus, memory }: BuildOptions): Value => ({
  ...system,
  board: { cpus: cpus ?? system.board?.cpus, memory: memory ?? system.board?.memory },
});

const loadVm = async (system: Draft<System>, id: number, files: Files): Promise<DraftVm> => {
  const vm = system.vms![id] ?? {};
  const place = `vms[${id}]`;
  const kernel = await files.read(vm.kernel, `${place}.kernel`);
  const initrd = await files.read(vm.initrd, `${place}.initrd`, vm.kernel);
  const regions: DraftVm["regions"][number][] = [];
  for (const [number, region] of (vm.regions ?? []).entries()) {
    regions.push({ ...region, file: await files.read(region.file, `${place}.regions[${number}].file`) });
  }
  return { ...vm, kernel, initrd, regions, shared: windowsOf(system, id) };
};

/** The VMs of a system in which nothing is wrong and whose files are all there. */
const loadedVms = (system: System, drafts: readonly DraftVm[]): LoadedVm[] =>
  system.vms.map((vm, id) => ({
    ...vm,
    kernel: drafts[id]!.kernel!,
    initrd: drafts[id]!.initrd,
    regions: drafts[id]!.regions as LoadedRegion[],
    shared: drafts[id]!.shared as SharedWindow[],
    doorbells: doorbellsOf(system, id),
    virtio: virtioOf(system, vm),
  }));

/** Each disk of the board once, where its file is said. */
const imagesOf = (system: System, folder: string): DiskImage[] => {
  const images = new Map<string, DiskImage>();
  for (const { board } of system.disks) {
    if (board?.image === undefined) continue;
    images.set(board.serial, { serial: board.serial, image: resolve(folder, board.image), size: board.size });
  }
  return [...images.values()];
};

const build = (
  system: System,
  drafts: readonly DraftVm[],
  disks: readonly PlacedDisk[],
  folder: string,
  options: BuildOptions,
): BuiltSystem => ({
  name: system.name ?? basename(folder),
  board: system.board,
  nets: system.switches.flatMap(({ uplink }) => (uplink === undefined ? [] : [uplink === true ? {} : uplink])),
  disks: imagesOf(system, folder),
  pipe: system.pipes.some(({ between }) => between.length === 1),
  bundle: writeBundle({
    console: options.console ?? "lines",
    scrubAtBoot: options.scrubAtBoot ?? system.scrubAtBoot,
    logLevels: { ...system.logLevels, ...options.logLevels },
    scheduler: system.scheduler,
    shared: system.shared,
    disks,
    switches: system.switches,
    pipes: system.pipes,
    vms: loadedVms(system, drafts).map(placeVm),
  }),
});

/** Looks for every mistake in a configuration, and builds it if there is none; paths in it are relative to `folder`. */
const examine = async (value: unknown, folder: string, options: BuildOptions, offline: boolean): Promise<Examined> => {
  const parsed = parseSystem(value);
  const draft = withBoard(parsed.draft, options);
  const files = new Files(folder, offline);
  const drafts: DraftVm[] = [];
  for (const id of (draft.vms ?? []).keys()) drafts.push(await loadVm(draft, id, files));
  const disks = await loadDisks(draft, files);
  const mistakes = [
    ...parsed.mistakes,
    ...checkSystem(draft),
    ...files.mistakes,
    ...checkDisks(disks),
    ...drafts.flatMap((vm, id) => checkVm(vm, `vms[${id}]`)),
  ];
  const complete = parsed.system !== undefined && mistakes.length === 0 && files.unseen.length === 0;
  const placed = complete ? disks.map(placeDisk) : [];
  const built = complete ? build(withBoard(parsed.system, options), drafts, placed, folder, options) : undefined;
  mistakes.push(
    ...checkBoardMemory(draft, built?.bundle.length ?? 0, placed, options.memory === undefined ? "board.memory" : "--memory"),
  );
  if (built !== undefined && mistakes.length === 0)
    mistakes.push(...checkBoardRows(withBoard(parsed.system!, options), built.bundle.length, placed));
  return { mistakes, unseen: files.unseen, built: mistakes.length === 0 ? built : undefined };
};

/** Builds what a configuration says; paths in it are relative to `folder`. Throws a ConfigError. */
export const buildConfig = async (value: unknown, folder: string, options: BuildOptions = {}): Promise<BuiltSystem> => {
  const { mistakes, built } = await examine(value, folder, options, false);
  if (built === undefined) throw new ConfigError(mistakes);
  return built;
};

const inFile = async <Result>(path: string, use: (value: unknown, folder: string) => Promise<Result>): Promise<Result> => {
  const file = findConfig(path);
  const value = await loadConfig(file);
  try {
    return await use(value, dirname(file));
  } catch (thrown) {
    throw thrown instanceof ConfigError ? new ConfigError(thrown.mistakes, file) : thrown;
  }
};

/** Builds the system that `path` names; throws a UserError for whatever is wrong with it. */
export const buildSystem = (path: string, options: BuildOptions = {}): Promise<BuiltSystem> =>
  inFile(path, (value, folder) => buildConfig(value, folder, options));

/** Checks the system that `path` names without using a network; returns the places of the files that it therefore did not see. */
export const validateSystem = (path: string): Promise<readonly string[]> =>
  inFile(path, async (value, folder) => {
    const { mistakes, unseen } = await examine(value, folder, {}, true);
    if (mistakes.length > 0) throw new ConfigError(mistakes);
    return unseen;
  });
