// What a system takes of its board's memory, held against what the board has: the hypervisor's own 64 MiB, the bundle, and whole frames
// of 2 MiB for what each VM has (src/mmu/frames.ts).

import { layout } from "../abi/layout.ts";
import type { Mistake } from "./config/mistakes.ts";
import type { Draft } from "./config/parse.ts";
import { rules } from "./config/rules.ts";
import type { Region, System } from "./config/schema.ts";
import { memoryOf, type PlacedDisk } from "./disks.ts";
import { alignUp, MIB } from "./size.ts";

const FRAME = 2 * MIB;
/** The frame of the pages of stolen time. */
const OWN = layout.HYP_SIZE + FRAME;

const frames = (sizes: readonly (number | undefined)[]): number =>
  sizes.reduce<number>((sum, size) => sum + alignUp(size ?? 0, FRAME), 0);

/** A region lies in its frames as its IPA lies in blocks. */
const framesOfRegion = ({ ipa, size }: Draft<Region>): number => ((ipa ?? 0) % FRAME) + (size ?? 0);

const mib = (bytes: number): string => `${bytes / MIB} MiB`;

/**
 * Whether the system fits into its board, as far as sizes are known; `bundleSize` is 0, and there are no `disks`, where there is no bundle yet; `place` is where the
 * board's memory was said.
 */
export const checkBoardMemory = (
  system: Draft<System>,
  bundleSize: number,
  disks: readonly PlacedDisk[],
  place: string,
): Mistake[] => {
  const has = system.board?.memory;
  if (has === undefined) return [];
  const vms = system.vms ?? [];
  const ofVms = frames(vms.flatMap((vm) => [vm.memory, ...(vm.regions ?? []).map(framesOfRegion)]));
  const shared = frames((system.shared ?? []).map((region) => region.size));
  const parts: [string, number][] = [
    ["VMs", ofVms],
    ["shared regions", shared],
    ["disks", frames(disks.map(memoryOf))],
    ["captures", frames((system.switches ?? []).map(({ capture }) => capture))],
    ["bundle", alignUp(bundleSize, FRAME)],
    ["Hyper-LITE", OWN],
  ];
  const needs = parts.reduce((sum, [, bytes]) => sum + bytes, 0);
  if (needs <= has) return [];
  const words = parts.filter(([, bytes]) => bytes > 0).map(([name, bytes]) => `${name} ${mib(bytes)}`);
  return [{ place, rule: rules.BOARD_TOO_SMALL(mib(has), words.join(", "), mib(needs)) }];
};
