// The bundle is laid out as abi/bundle.ts says.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { bundle } from "../../../abi/bundle.ts";
import type { SystemConfig } from "../../../tool/config.ts";
import { KIB, MIB } from "../../../tool/size.ts";
import { type BuildOptions, buildConfig } from "../../../tool/system.ts";
import { elf, folderWith, image, withVm, withVms } from "../config/refused.ts";

const files = {
  Image: image({ size: 3 * MIB, imageSize: 5 * MIB, textOffset: 0x80000 }),
  initrd: Buffer.from("an initrd"),
  flash: Buffer.from("in flash"),
};
const full = withVm({
  vcpus: 2,
  priority: 3,
  affinity: [0],
  share: 300,
  cap: 150,
  crashPolicy: "stop-all",
  timeOnPause: "run",
  tableQuota: 64,
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
    compatible: "hyper-lite,bundle-2",
    "total-size": [bytes.length],
    console: "lines",
    policy: [0],
    slice: [5000],
    "vms/vm@0/vm-name": "guest",
    "vms/vm@0/memory": [64 * MIB],
    "vms/vm@0/vcpus": [2],
    "vms/vm@0/priority": [3],
    "vms/vm@0/affinity": [1],
    "vms/vm@0/share": [300],
    "vms/vm@0/cap": [150],
    "vms/vm@0/crash-policy": [2],
    "vms/vm@0/time-runs-on-pause": [],
    "vms/vm@0/table-quota": [64],
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

test("what is not said has its default", async () => {
  const values = read(await build(withVm({})));
  const defaults = { vcpus: 1, priority: 8, affinity: 0, share: 100, cap: 0, "crash-policy": 0, "table-quota": 1024 };
  for (const [name, value] of Object.entries(defaults)) assert.deepEqual(values.get(`vms/vm@0/${name}`), [value], name);
  for (const name of ["no-autostart", "controller", "time-runs-on-pause"]) assert.equal(values.has(`vms/vm@0/${name}`), false);
});

test("policy, slice and console are those of the system", async () => {
  const values = read(await build({ ...withVm({}), scheduler: { policy: "share", slice: "10ms" } }, { console: "terminal" }));
  assert.deepEqual([values.get("policy"), values.get("slice"), values.get("console")], [[1], [10_000], "terminal"]);
});

test("a VM that waits for its controller", async () => {
  const values = read(await build(withVms([{ controller: true, crashPolicy: "reset" }, { autostart: false }])));
  assert.deepEqual(
    [0, 1].map((n) => values.has(`vms/vm@${n}/controller`)),
    [true, false],
  );
  assert.deepEqual(
    [0, 1].map((n) => values.has(`vms/vm@${n}/no-autostart`)),
    [false, true],
  );
  assert.deepEqual(values.get("vms/vm@0/crash-policy"), [1]);
});

test("a doorbell is one of either VM, each the other's peer", async () => {
  const doorbells: [string, string][] = [
    ["vm0", "vm1"],
    ["vm2", "vm0"],
    ["vm1", "vm0"],
  ];
  const values = read(await build(withVms([{}, {}, {}], { doorbells })));
  const ends = (vm: number): unknown[] =>
    [0, 1, 2].map((n) => {
      const node = `vms/vm@${vm}/doorbells/doorbell@${n}`;
      return values.has(`${node}/peer`) ? [values.get(`${node}/peer`), values.get(`${node}/number`)].flat() : undefined;
    });
  assert.deepEqual(ends(0), [
    [1, 0],
    [2, 0],
    [1, 1],
  ]);
  assert.deepEqual(ends(1), [[0, 0], [0, 2], undefined]);
  assert.deepEqual(ends(2), [[0, 1], undefined, undefined]);
});

test("a shared region has one address in all VMs, unless one says otherwise", async () => {
  const shared = [
    { name: "a", size: "3M" },
    { name: "b", size: "4K" },
  ];
  const vms = [
    { shared: [{ region: "b" }, { region: "a" }] },
    { shared: [{ region: "b", ipa: 0x2000_1000, readOnly: true }] },
    {},
  ];
  const values = read(await build(withVms(vms, { shared })));
  const window = (path: string): unknown[] => ["index", "ipa", "read-only"].map((name) => values.get(`vms/${path}/${name}`));
  assert.deepEqual([values.get("shared/shared@0/size"), values.get("shared/shared@1/size")], [[3 * MIB], [4 * KIB]]);
  assert.deepEqual(window("vm@0/shared/shared@0"), [[1], [0x1040_0000], undefined]);
  assert.deepEqual(window("vm@0/shared/shared@1"), [[0], [0x1000_0000], undefined]);
  assert.deepEqual(window("vm@1/shared/shared@0"), [[1], [0x2000_1000], []]);
  assert.equal(
    [...values.keys()].some((path) => path.startsWith("vms/vm@2/shared")),
    false,
  );
});

test("a file of two VMs is in the bundle once", async () => {
  const values = read(await build(withVms([{ kernel: "Image" }, { kernel: "Image", memory: "32M" }])));
  assert.deepEqual(values.get("vms/vm@0/kernel"), values.get("vms/vm@1/kernel"));
  assert.notDeepEqual(values.get("vms/vm@0/fdt"), values.get("vms/vm@1/fdt"));
});

test("an ELF is loaded by whole pages, where its physical addresses say", async () => {
  const segments = [
    { at: 0x4008_0010, virtual: 0x10, bytes: Buffer.from("first") },
    { at: 0x4008_0800, bytes: Buffer.from("same page"), memory: 0x1000 },
    { at: 0x4010_0000, bytes: Buffer.from("last"), memory: 0x2345 },
  ];
  const folder = folderWith({ kernel: elf({ segments, entry: 0x14 }) });
  const { bundle: bytes } = await buildConfig(withVm({ initrd: "kernel" }), folder);
  const values = read(bytes);
  const segment = (n: number): Buffer => payload(bytes, values, `vms/vm@0/segments/segment@${n}/file`);
  assert.deepEqual(values.get("vms/vm@0/segments/segment@0/load"), [0x8_0000]);
  assert.deepEqual(values.get("vms/vm@0/segments/segment@1/load"), [0x10_0000]);
  assert.equal(values.has("vms/vm@0/segments/segment@2/load"), false);
  assert.equal(segment(0).toString("latin1"), `${"\0".repeat(0x10)}first${"\0".repeat(0x7eb)}same page`);
  assert.equal(segment(1).toString(), "last");
  assert.deepEqual(values.get("vms/vm@0/kernel"), values.get("vms/vm@0/segments/segment@0/file"));
  assert.deepEqual(values.get("vms/vm@0/kernel-load"), [0x8_0000]);
  assert.deepEqual(values.get("vms/vm@0/kernel-reserve"), [0x8_3000]);
  assert.deepEqual(values.get("vms/vm@0/kernel-entry"), [0x8_0014]);
  assert.deepEqual(values.get("vms/vm@0/initrd-load"), [2 * MIB]);
});

test("the same system gives the same bytes", async () => {
  assert.ok((await build(full)).equals(await build(full)));
});
