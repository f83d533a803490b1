// What each test here has in common: a system that is right but for one mistake, and the one message that the mistake gets.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
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

/** Asserts that the system is refused with exactly one mistake, at this place, whose rule contains this text. */
export const refused = async (config: unknown, place: string, rule: string | RegExp, files: Files = {}): Promise<void> => {
  const folder = folderWith(files);
  await assert.rejects(buildConfig(config, folder), (error: UserError) => {
    const message = error.message.replaceAll(`${folder}/`, "");
    assert.equal(error.exitCode, exitCodes.CONFIG);
    assert.equal(message.split("\n").length, 1, message);
    assert.ok(message.startsWith(place === "" ? "" : `${place}: `), message);
    if (typeof rule === "string") assert.ok(message.includes(rule), message);
    else assert.match(message, rule);
    return true;
  });
};
