// The bundle is laid out as abi/bundle.ts says.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { bundle } from "../../../abi/bundle.ts";
import type { SystemConfig } from "../../../tool/config.ts";
import { MIB } from "../../../tool/size.ts";
import { type BuildOptions, buildConfig } from "../../../tool/system.ts";
import { folderWith, image, withVm } from "../config/refused.ts";

const files = {
  Image: image({ size: 3 * MIB, imageSize: 5 * MIB, textOffset: 0x80000 }),
  initrd: Buffer.from("an initrd"),
  flash: Buffer.from("in flash"),
};
const full = withVm({
  kernel: "Image",
  initrd: "initrd",
  bootargs: "quiet",
  regions: [
    { ipa: 0x0400_0000, size: "256K", file: "flash", readOnly: true },
    { ipa: 0x7f_ffff_f000, size: "4K" },
  ],
});

const build = async (config: SystemConfig, options?: BuildOptions): Promise<Buffer> =>
  (await buildConfig(config, folderWith(files), options)).bundle;

/** The properties of the manifest by path, each a list of numbers (64-bit) or a text. */
const read = (bytes: Buffer): Map<string, number[] | string> => {
  const { status, stdout, stderr } = spawnSync("dtc", ["-q", "-I", "dtb", "-O", "dts", "-"], {
    input: bytes,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  const values = new Map<string, number[] | string>();
  const path: string[] = [];
  for (const line of stdout.split("\n").map((text) => text.trim())) {
    const node = /^(\S+) \{$/.exec(line);
    const property = /^([^\s;=/]+)(?: = (.*))?;$/.exec(line);
    if (node !== null) path.push(node[1]!);
    else if (line === "};") path.pop();
    else if (property !== null) {
      const cells = property[2]?.match(/0x[0-9a-f]+/g)?.map(Number) ?? [];
      const numbers = cells.flatMap((cell, index) => (index % 2 === 0 ? [cell * 2 ** 32 + cells[index + 1]!] : []));
      const text = /^"(.*)"$/.exec(property[2] ?? "");
      values.set([...path.slice(1), property[1]].join("/"), text === null ? numbers : text[1]!);
    }
  }
  return values;
};

const payload = (bytes: Buffer, values: Map<string, number[] | string>, path: string): Buffer => {
  const [offset, size] = values.get(path) as [number, number];
  assert.equal(offset % bundle.PAYLOAD_ALIGN, 0);
  return bytes.subarray(offset, offset + size);
};

test("the manifest says what the configuration says", async () => {
  const bytes = await build(full);
  const values = read(bytes);
  const expected: Record<string, number[] | string> = {
    compatible: "hyper-lite,bundle-1",
    "total-size": [bytes.length],
    "vms/vm@0/vm-name": "guest",
    "vms/vm@0/memory": [64 * MIB],
    "vms/vm@0/kernel-load": [2 * MIB + 0x80000],
    "vms/vm@0/kernel-reserve": [5 * MIB],
    "vms/vm@0/kernel-entry": [2 * MIB + 0x80000],
    "vms/vm@0/initrd-load": [8 * MIB],
    "vms/vm@0/fdt-load": [0],
    "vms/vm@0/regions/region@0/ipa": [0x0400_0000],
    "vms/vm@0/regions/region@0/size": [0x4_0000],
    "vms/vm@0/regions/region@0/read-only": [],
    "vms/vm@0/regions/region@1/ipa": [0x7f_ffff_f000],
    "vms/vm@0/regions/region@1/size": [0x1000],
  };
  for (const [path, value] of Object.entries(expected)) assert.deepEqual(values.get(path), value, path);
  const payloads = ["kernel", "initrd", "fdt", "regions/region@0/file"].map((name) => `vms/vm@0/${name}`);
  assert.deepEqual([...values.keys()].sort(), [...Object.keys(expected), ...payloads].sort());
});

test("every payload lies where the manifest says", async () => {
  const bytes = await build(full);
  const values = read(bytes);
  assert.ok(payload(bytes, values, "vms/vm@0/kernel").equals(files.Image));
  assert.equal(payload(bytes, values, "vms/vm@0/initrd").toString(), "an initrd");
  assert.equal(payload(bytes, values, "vms/vm@0/regions/region@0/file").toString(), "in flash");
  assert.match(payload(bytes, values, "vms/vm@0/fdt").toString("latin1"), /linux,initrd-end/);
});

test("a raw kernel is loaded where a raw kernel goes", async () => {
  const values = read(await build(withVm({})));
  assert.deepEqual(values.get("vms/vm@0/kernel-load"), [0x80000]);
  assert.deepEqual(values.get("vms/vm@0/kernel-reserve"), [4096]);
  assert.equal(values.has("vms/vm@0/initrd"), false);
});

test("kernelLoad moves the kernel", async () => {
  assert.deepEqual(read(await build(withVm({ kernelLoad: "1M" }))).get("vms/vm@0/kernel-entry"), [MIB]);
});

test("scrubbing and log levels come from the configuration or the command line", async () => {
  const system = { ...withVm({}), logLevels: { vgic: "debug", sched: "info" } as const };
  assert.equal(read(await build(system)).get("log-levels"), "vgic=debug,sched=info");
  assert.equal(read(await build(system, { logLevels: { sched: "err" } })).get("log-levels"), "vgic=debug,sched=err");
  assert.equal(read(await build(system)).has("no-scrub"), false);
  assert.equal(read(await build(system, { scrubAtBoot: false })).has("no-scrub"), true);
  assert.equal(read(await build({ ...system, scrubAtBoot: false })).has("no-scrub"), true);
});

test("the same system gives the same bytes", async () => {
  assert.ok((await build(full)).equals(await build(full)));
});
