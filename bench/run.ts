// `npm run bench`: what operations, starts and a Linux boot cost, in instructions, beside the peers and the limits. With --json one object on
// stdout: operation → { min, median, p99, max }. With --quick without Linux. Exits 1 if a limit is broken.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "../tool/chain/build.ts";
import { reported } from "../tool/chain/run.ts";
import { withLock } from "../tool/lock.ts";
import { ROOT } from "../tool/paths.ts";
import { broken, count, type Figures, LINUX_RATIO_LIMIT, linuxRatio, single } from "./limits.ts";
import { measureLinux, measureLinuxNatively, measureOperations, measureStart, measureTransfer } from "./measure.ts";
import { linuxStarts, operations, type Reference, starts, transfers } from "./reference.ts";

const { values: flags } = parseArgs({
  options: { json: { type: "boolean", default: false }, quick: { type: "boolean", default: false } },
});

/** Under which name the bytes are that a transfer was measured by. */
const bytesOf = (name: string): string => `${name}-bytes`;

const measure = async (): Promise<Record<string, Figures>> => {
  const figures: Record<string, Figures> = {
    ...(await measureOperations()),
    "start-unscrubbed": single(await measureStart(false)),
    "start-scrubbed": single(await measureStart(true)),
  };
  if (flags.quick) return figures;
  figures["linux-native"] = single(await measureLinuxNatively());
  figures["linux-vm"] = single(await measureLinux());
  for (const [name, { offload }] of Object.entries(transfers)) {
    const { bytes, perByte } = await measureTransfer(offload);
    figures[name] = single(perByte);
    figures[bytesOf(name)] = single(bytes);
  }
  return figures;
};

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ");
  return [head, ...rows].map((row) => `${line(row).trimEnd()}\n`).join("");
};

const limitOf = ({ limit }: Reference): string => (limit === undefined ? "" : `≤ ${count(limit)}`);
const peersOf = ({ native, xen, kvm, kvmVhe }: Reference): string[] => [native, xen, kvm, kvmVhe].map(count);
const PEERS = ["native", "Xen", "KVM", "KVM VHE"];

const print = (figures: Record<string, Figures>): void => {
  const present = (group: Readonly<Record<string, Reference>>): [Figures, Reference][] =>
    Object.entries(group).flatMap(([name, reference]) => (figures[name] === undefined ? [] : [[figures[name], reference]]));
  const operationRows = present(operations).map(([f, reference]) => [
    reference.title,
    ...[f.min, f.median, f.p99, f.max].map(count),
    limitOf(reference),
    ...peersOf(reference),
  ]);
  const startRows = present({ ...starts, ...linuxStarts }).map(([f, reference]) => [
    reference.title,
    count(f.median),
    limitOf(reference),
    ...peersOf(reference),
  ]);
  process.stdout.write(
    `Instructions on a cortex-a57, the loop around each operation included; peers as measured on QEMU 7.2\n\n`,
  );
  process.stdout.write(`${table(["", "min", "median", "p99", "max", "limit", ...PEERS], operationRows)}\n`);
  process.stdout.write(table(["", "", "limit", ...PEERS], startRows));
  const ratio = linuxRatio(figures);
  if (ratio !== undefined) {
    process.stdout.write(
      `\nLinux in a VM takes ${((ratio - 1) * 100).toFixed(2)} % more than natively, limit ${((LINUX_RATIO_LIMIT - 1) * 100).toFixed(0)} %\n`,
    );
  }
  const transferRows = Object.entries(transfers).flatMap(([name, reference]) => {
    const [perByte, bytes] = [figures[name], figures[bytesOf(name)]];
    if (perByte === undefined || bytes === undefined) return [];
    return [[reference.title, bytes.median.toLocaleString("en"), perByte.median.toFixed(3), limitOf(reference)]];
  });
  if (transferRows.length === 0) return;
  process.stdout.write(`\nTCP between two VMs, and the instructions at EL2 for each byte\n\n`);
  process.stdout.write(table(["", "bytes", "", "limit"], transferRows));
};

const bench = async (): Promise<void> => {
  const figures = await measure();
  if (flags.json) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  else print(figures);
  for (const message of broken(figures)) {
    process.stderr.write(`bench: ${message}\n`);
    process.exitCode = 1;
  }
};

await reported(async () => {
  await withLock(join(ROOT, "build/lock"), build);
  await bench();
});
