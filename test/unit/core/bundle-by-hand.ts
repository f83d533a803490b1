// Bundles that are written by hand (abi/bundle.ts): what the tool would refuse, too.

import assert from "node:assert/strict";
import { bundle as constants, bundleNames as names } from "../../../abi/bundle.ts";
import { PowerOff } from "../../../sim/faults.ts";
import { outputOf } from "../../../sim/start.ts";
import { type FdtNode, type FdtValue, fdtNode, writeFdt } from "../../../tool/fdt.ts";
import { MIB } from "../../../tool/size.ts";
import { shown } from "./log-lines.ts";

export type Properties = Record<string, FdtValue>;

export const PAYLOAD = 2 * MIB;
export const payload = (bytes: number, offset = PAYLOAD): bigint[] => [BigInt(offset), BigInt(bytes)];

/** A VM of 16 MiB, with all that a VM must have. */
export const plainVm: Properties = {
  [names.NAME]: "guest",
  [names.MEMORY]: BigInt(16 * MIB),
  [names.VCPUS]: 1n,
  [names.PRIORITY]: 8n,
  [names.AFFINITY]: 0n,
  [names.SHARE]: 100n,
  [names.CAP]: 0n,
  [names.CRASH_POLICY]: 0n,
  [names.TABLE_QUOTA]: 64n,
  [names.KERNEL]: payload(100),
  [names.KERNEL_LOAD]: BigInt(MIB),
  [names.KERNEL_RESERVE]: 4096n,
  [names.KERNEL_ENTRY]: BigInt(MIB),
  [names.FDT]: payload(64),
  [names.FDT_LOAD]: 0n,
};
export const listOf = (name: string, nodes: readonly Properties[]): FdtNode =>
  fdtNode(
    name,
    {},
    nodes.map((properties, n) => fdtNode(`${name}@${n}`, properties)),
  );

export interface HandWritten {
  readonly vms?: readonly FdtNode[];
  readonly shared?: readonly Properties[];
  readonly root?: Properties;
  /** Further lists of the system: disks, switches, pipes. */
  readonly lists?: readonly FdtNode[];
  /** What lies where in the bundle. */
  readonly payloads?: readonly (readonly [offset: number, bytes: Buffer])[];
  readonly size?: number;
}

export const writeByHand = ({
  vms = [fdtNode("vm@0", plainVm)],
  shared = [],
  root = {},
  lists = [],
  payloads = [],
  size = 4 * MIB,
}: HandWritten): Buffer => {
  const properties = {
    compatible: names.COMPATIBLE,
    [names.TOTAL_SIZE]: BigInt(size),
    [names.POLICY]: 0n,
    [names.SLICE]: 5000n,
    ...root,
  };
  const bytes = Buffer.alloc(size);
  bytes.set(writeFdt(fdtNode("", properties, [listOf(names.SHARED, shared), ...lists, fdtNode(names.VMS, {}, vms)])));
  for (const [offset, contents] of payloads) bytes.set(contents, offset);
  bytes.writeBigUInt64LE(constants.BUNDLE_END, size - 8);
  return bytes;
};

/** The boot of a bundle ends with this one message, whose reason begins so, before a guest has started. */
export const refusedAtBoot = (bundle: Buffer, message: RegExp, reason = ""): void => {
  const { output, thrown } = outputOf({ bundle }, () => assert.fail("a guest was started"));
  assert.ok(thrown instanceof PowerOff, String(thrown));
  const last = shown(output).trimEnd().split("\r\n").at(-1) ?? "";
  assert.match(last, message);
  assert.ok(last.startsWith(`<0>[    0.000000] halted: crash ${reason}`), last);
};
