// Figures, and whether they keep the limits of reference.ts.

import { linuxStarts, operations, starts, transfers } from "./reference.ts";

/** Instructions. */
export interface Figures {
  readonly min: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** What was counted once. */
export const single = (value: number): Figures => ({ min: value, median: value, p99: value, max: value });

/** Linux in a VM may take at most so many times what it takes natively. */
export const LINUX_RATIO_LIMIT = 1.03;

const MILLION = 1_000_000;

/** A number of instructions for a person. */
export const count = (value: number | undefined): string =>
  value === undefined ? "–" : value < MILLION ? value.toLocaleString("en") : `${(value / MILLION).toFixed(1)} M`;

/** How many times as long Linux takes in a VM, if both are there. */
export const linuxRatio = (figures: Readonly<Record<string, Figures>>): number | undefined => {
  const [vm, native] = [figures["linux-vm"], figures["linux-native"]];
  return vm === undefined || native === undefined ? undefined : vm.median / native.median;
};

/** The limits that do not hold, a sentence each. */
export const broken = (figures: Readonly<Record<string, Figures>>): string[] => {
  const tooHigh = Object.entries({ ...operations, ...starts, ...linuxStarts, ...transfers }).flatMap(([name, { limit }]) => {
    const median = figures[name]?.median ?? 0;
    return limit === undefined || median <= limit ? [] : [`${name}: ${count(median)}, the limit is ${count(limit)}`];
  });
  const ratio = linuxRatio(figures) ?? 0;
  return ratio <= LINUX_RATIO_LIMIT ? tooHigh : [...tooHigh, `linux-vm: ${ratio.toFixed(4)} times linux-native`];
};
