// What each test here has in common: a system that is right but for one mistake, and the one message that the mistake gets.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ConfigError, type Mistake } from "../../../tool/config/mistakes.ts";
import type { SystemConfig, VmConfig } from "../../../tool/config.ts";
import { buildConfig } from "../../../tool/system.ts";
import { exitCodes, type UserError } from "../../../tool/user-error.ts";
import { scratch } from "../scratch.ts";

export type Files = Readonly<Record<string, Uint8Array | string>>;

const KERNEL: Files = { kernel: new Uint8Array(4096) };

/** An arm64 Image of no code. */
export const image = (options: { size?: number; textOffset?: number; imageSize?: number; flags?: number } = {}): Buffer => {
  const bytes = Buffer.alloc(options.size ?? 4096);
  bytes.writeBigUInt64LE(BigInt(options.textOffset ?? 0), 8);
  bytes.writeBigUInt64LE(BigInt(options.imageSize ?? 0x10000), 16);
  bytes.writeBigUInt64LE(BigInt(options.flags ?? 0), 24);
  bytes.write("ARM\x64", 56, "latin1");
  return bytes;
};

interface ElfOptions {
  readonly machine?: number;
  readonly type?: number;
  /** By default the start of the first segment. */
  readonly entry?: number;
  /** Each has four bytes in the file, unless said otherwise; `virtual` is `at` if it is not given. */
  readonly segments?: readonly { at: number; virtual?: number; bytes?: Buffer; memory?: number }[];
  /** Bytes of the file that are there. */
  readonly length?: number;
}

/** An executable in ELF64 for AArch64, of no code. */
export const elf = ({ machine = 183, type = 2, entry, segments = [{ at: 0x4008_0000 }], length }: ElfOptions = {}): Buffer => {
  const header = Buffer.alloc(64 + segments.length * 56);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(type, 16);
  header.writeUInt16LE(machine, 18);
  header.writeBigUInt64LE(BigInt(entry ?? segments[0]?.virtual ?? segments[0]?.at ?? 0), 24);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(segments.length, 56);
  const contents: Buffer[] = [];
  let offset = header.length;
  for (const [index, { at, virtual = at, bytes = Buffer.from("code"), memory = bytes.length }] of segments.entries()) {
    const program = header.subarray(64 + index * 56);
    program.writeUInt32LE(1, 0);
    for (const [field, value] of [offset, virtual, at, bytes.length, memory].entries()) {
      program.writeBigUInt64LE(BigInt(value), 8 + field * 8);
    }
    contents.push(bytes);
    offset += bytes.length;
  }
  return Buffer.concat([header, ...contents]).subarray(0, length);
};

export const folderWith = (files: Files): string => {
  const folder = scratch();
  for (const [name, content] of Object.entries({ ...KERNEL, ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
};

const good: VmConfig = { name: "guest", memory: "64M", kernel: "kernel" };

/** A configuration with one VM; what `changes` sets differs from a good one, whether its type allows that or not. */
export const withVm = (changes: { readonly [setting in keyof VmConfig]?: unknown }): SystemConfig => ({
  vms: [{ ...good, ...changes } as VmConfig],
});

/** A configuration with VMs "vm0", "vm1" and so on; `changes` are those of the system. */
export const withVms = (
  vms: readonly { readonly [setting in keyof VmConfig]?: unknown }[],
  changes: { readonly [setting in keyof SystemConfig]?: unknown } = {},
): SystemConfig =>
  ({ ...changes, vms: vms.map((vm, index) => ({ ...good, name: `vm${index}`, ...vm }) as VmConfig) }) as SystemConfig;

/** Every rule that a test here has shown, in the user's words. */
export const shown = new Set<string>();

/** The mistakes of a system that is refused. */
const mistakesIn = async (config: unknown, files: Files): Promise<Mistake[]> => {
  const folder = folderWith(files);
  let mistakes: Mistake[] = [];
  await assert.rejects(buildConfig(config, folder), (error: UserError) => {
    assert.equal(error.exitCode, exitCodes.CONFIG);
    assert.ok(error instanceof ConfigError);
    mistakes = error.mistakes.map(({ place, rule }) => ({ place, rule: rule.replaceAll(`${folder}/`, "") }));
    return true;
  });
  for (const { rule } of mistakes) shown.add(rule);
  return mistakes;
};

/** Asserts that the system is refused with exactly one mistake, at this place, whose rule contains this text. */
export const refused = async (config: unknown, place: string, rule: string | RegExp, files: Files = {}): Promise<void> => {
  const mistakes = await mistakesIn(config, files);
  const message = JSON.stringify(mistakes, null, 2);
  assert.equal(mistakes.length, 1, message);
  assert.equal(mistakes[0]!.place, place, message);
  if (typeof rule === "string") assert.ok(mistakes[0]!.rule.includes(rule), message);
  else assert.match(mistakes[0]!.rule, rule);
};

/** Asserts that the system is refused with exactly these mistakes, by place and the beginning of the rule. */
export const refusedAll = async (
  config: unknown,
  expected: readonly (readonly [string, string])[],
  files: Files = {},
): Promise<void> => {
  const mistakes = await mistakesIn(config, files);
  assert.deepEqual(
    mistakes.map(({ place, rule }, index) => [place, rule.slice(0, expected[index]?.[1].length)]),
    expected,
  );
};
