// Configurations as a whole: all mistakes are told at once, JSON says what TypeScript says, and the JSON Schema knows every setting.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { jsonSchema } from "../../../tool/config/json-schema.ts";
import { debianFile } from "../../../tool/debian.ts";
import { ROOT } from "../../../tool/paths.ts";
import { buildConfig, buildSystem } from "../../../tool/system.ts";
import { folderWith, refusedAll, withVm, withVms } from "../config/refused.ts";
import { hyperLite } from "./command-line.ts";

/** Every setting, with files that are there. */
const everything = {
  $schema: "./schema.json",
  name: "all",
  board: { cpus: 4, memory: "512M" },
  scheduler: { policy: "share", slice: "2ms" },
  scrubAtBoot: false,
  logLevels: { vgic: "debug" },
  shared: [{ name: "ring", size: "64K" }],
  doorbells: [["one", "two"]],
  vms: [
    {
      name: "one",
      memory: "64M",
      vcpus: 2,
      priority: 1,
      affinity: [0, 3],
      share: 200,
      cap: 50,
      kernel: "kernel",
      kernelLoad: "1M",
      initrd: "initrd",
      bootargs: "quiet",
      devices: { uart: true, rtc: false },
      regions: [{ ipa: 0x0400_0000, size: "4K", readOnly: true, file: "flash" }],
      shared: [{ region: "ring", ipa: 0x2000_0000, readOnly: true }],
      crashPolicy: "reset",
      autostart: true,
      controller: true,
      timeOnPause: "run",
      tableQuota: 100,
    },
    { name: "two", memory: "32M", kernel: "kernel", autostart: false },
  ],
} as const;
const files = { initrd: "initrd", flash: "flash" };

test("mistakes of values, of settings together, of files and of places are told at once", async () => {
  const config = {
    board: { cpus: 0 },
    doorbells: [["one", "nobody"]],
    vms: [
      { name: "one", memory: "1M", kernel: "missing", affinity: [0, 9] },
      { name: "one", memory: "64M", kernel: "kernel", regions: [{ ipa: 0x4000_0000, size: "4K" }, { size: 1 }] },
      { name: "three", memory: "16M", vcpus: 9, kernel: "big", initrd: { busybox: false } },
    ],
  };
  await refusedAll(
    config,
    [
      ["board.cpus", "must be a whole number"],
      ["vms[0].memory", "must be at least"],
      ["vms[0].affinity[1]", "must be a whole number"],
      ["vms[1].regions[1].ipa", "must be an address"],
      ["vms[1].regions[1].size", "must be a multiple"],
      ["vms[2].vcpus", "must be a whole number"],
      ["vms[2].initrd.busybox", "must be true"],
      ["doorbells[0][1]", 'there is no VM "nobody"'],
      ["vms[1].name", "is the name of vms[0]"],
      ["vms[0].kernel", "missing: no such file"],
      ["vms[1].regions[0]", "must not overlap the RAM"],
      ["vms[2].kernel", "big is too large"],
    ],
    { big: new Uint8Array(16 * 2 ** 20) },
  );
});

test("a file that two VMs do not find is missing twice", async () => {
  const vm = { memory: "64M", kernel: "none" };
  const vms = [
    { name: "a", ...vm },
    { name: "b", ...vm },
  ];
  await refusedAll({ vms }, [
    ["vms[0].kernel", "none: no such file"],
    ["vms[1].kernel", "none: no such file"],
  ]);
});

test("JSON makes the same bundle as TypeScript", async () => {
  const folder = folderWith(files);
  const { bundle } = await buildConfig(everything, folder);
  writeFileSync(join(folder, "hyper-lite.config.json"), JSON.stringify(everything));
  const built = await buildSystem(folder);
  assert.ok(built.bundle.equals(bundle));
  assert.deepEqual([built.name, built.board], ["all", { cpus: 4, memory: 512 * 2 ** 20 }]);
  writeFileSync(join(folder, "other.json"), JSON.stringify(everything));
  assert.ok((await buildSystem(join(folder, "other.json"))).bundle.equals(bundle));
  writeFileSync(join(folder, "marked.json"), `\ufeff${JSON.stringify(everything)}`);
  assert.ok((await buildSystem(join(folder, "marked.json"))).bundle.equals(bundle));
});

test("a function that two VMs share is called once", async () => {
  let calls = 0;
  const folder = folderWith({});
  const kernel = (): string => {
    calls++;
    return "kernel";
  };
  await buildConfig(withVms([{ kernel }, { kernel }]), folder);
  assert.equal(calls, 1);
});

/** The names of all settings of a JSON Schema, as `vms[].regions[].ipa`. */
const settingsOf = (schema: z.core.JSONSchema.BaseSchema, place = ""): Map<string, z.core.JSONSchema.BaseSchema> => {
  const found = new Map<string, z.core.JSONSchema.BaseSchema>();
  const add = (inner: z.core.JSONSchema._JSONSchema, at: string): void => {
    if (typeof inner === "object") for (const [name, value] of settingsOf(inner, at)) found.set(name, value);
  };
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const at = place === "" ? name : `${place}.${name}`;
    if (typeof property === "object") found.set(at, property);
    add(property, at);
  }
  if (schema.items !== undefined && !Array.isArray(schema.items))
    add(schema.items as z.core.JSONSchema._JSONSchema, `${place}[]`);
  for (const form of schema.anyOf ?? []) add(form, place);
  return found;
};

const schema = jsonSchema() as z.core.JSONSchema.BaseSchema;

test("each setting of the JSON Schema is described", () => {
  const settings = settingsOf(schema);
  for (const place of ["board.cpus", "vms[].regions[].ipa", "vms[].initrd.busybox.command", "vms[].kernel.debian"])
    assert.ok(settings.has(place), place);
  assert.deepEqual(
    [...settings].filter(([, { description }]) => !/^[A-Z].*\.$/s.test(description ?? "")).map(([place]) => place),
    [],
  );
});

test("docs/systems.md has a row for each setting", () => {
  const rows = new Set(
    [...readFileSync(join(ROOT, "docs/systems.md"), "utf8").matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name),
  );
  assert.deepEqual(rows, new Set(settingsOf(schema).keys()));
});

test("the JSON Schema takes what is right, and refuses what is not", () => {
  const check = z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema);
  const [vm] = everything.vms;
  assert.deepEqual(check.safeParse(everything).error?.issues, undefined);
  const wrong: unknown[] = [
    {},
    { vms: [] },
    { ...everything, scrub: true },
    { ...everything, board: { cpus: 9 } },
    { vms: [{ ...vm, memory: "64MB" }] },
    { vms: [{ ...vm, kernel: { debian: "linux-2.4" } }] },
    { vms: [{ ...vm, initrd: 1 }] },
    { vms: [{ ...vm, name: "two words" }] },
  ];
  for (const value of wrong) assert.equal(check.safeParse(value).success, false, JSON.stringify(value));
});

test("`schema` prints it", async () => {
  const { status, stdout } = await hyperLite(["schema"]).ended;
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), JSON.parse(JSON.stringify(schema)));
});

const validate = (config: object, others: Record<string, string | Uint8Array> = files) =>
  hyperLite(["validate", folderWith({ ...others, "hyper-lite.config.json": JSON.stringify(config) })]).ended;

test("`validate` has one line for a system that is right", async () => {
  const { status, stdout, stderr } = await validate(everything);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^\S+: all right\n$/);
  assert.equal(stderr, "");
});

test("`validate` has a line for each mistake, with file, place and rule, and ends with 3", async () => {
  const { status, stdout, stderr } = await validate({ ...everything, name: "a b" }, { initrd: "initrd" });
  assert.equal(status, 3);
  assert.equal(stdout, "");
  const [first, second, end] = stderr.split("\n");
  assert.match(first!, /^hyper-lite: \/.*hyper-lite\.config\.json: name: must be 1 to 31 letters/);
  assert.match(second!, /^hyper-lite: \/.*hyper-lite\.config\.json: vms\[0\]\.regions\[0\]\.file: \S+flash: no such file$/);
  assert.equal(end, "");
});

test("`validate` fetches nothing, and says what it has not seen", async () => {
  const kernel = { debian: "linux-6.12" } as const;
  const { status, stdout } = await validate(withVm({ kernel }));
  assert.equal(status, 0);
  const rest = debianFile(kernel.debian).isThere ? "" : ", but for files that are not fetched yet: vms[0].kernel";
  assert.ok(stdout.endsWith(`: all right${rest}\n`), stdout);
});
