// The cpio writer, held against GNU cpio.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { cpioCharacterDevice, cpioDirectory, cpioFile, cpioSymlink, writeCpio } from "../../../tool/cpio.ts";
import { scratch } from "../scratch.ts";

const cpio = (args: string[], input: Uint8Array, cwd: string): string => {
  const { status, stdout, stderr } = spawnSync("cpio", ["--quiet", ...args], { input, cwd, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  return stdout;
};

test("cpio lists what was written, in order", () => {
  const archive = writeCpio([
    cpioDirectory("dev"),
    cpioCharacterDevice("dev/console", 5, 1),
    cpioFile("init", Buffer.from("#!/bin/sh\n"), 0o755),
    cpioSymlink("link", "init"),
  ]);
  const lines = cpio(["-itvn", "--numeric-uid-gid"], archive, "/").trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.replaceAll(/\s+/g, " ")),
    [
      "drwxr-xr-x 2 0 0 0 Jan 1 1970 dev",
      "crw------- 1 0 0 5, 1 Jan 1 1970 dev/console",
      "-rwxr-xr-x 1 0 0 10 Jan 1 1970 init",
      "lrwxrwxrwx 1 0 0 4 Jan 1 1970 link -> init",
    ],
  );
});

test("cpio unpacks what was written", () => {
  const folder = scratch();
  const archive = writeCpio([
    cpioDirectory("bin"),
    cpioFile("bin/tool", Buffer.from("abc"), 0o750),
    cpioSymlink("bin/link", "tool"),
  ]);
  cpio(["-i", "--no-preserve-owner"], archive, folder);
  assert.equal(readFileSync(join(folder, "bin/tool"), "utf8"), "abc");
  assert.equal(lstatSync(join(folder, "bin/tool")).mode & 0o777, 0o750);
  assert.equal(readlinkSync(join(folder, "bin/link")), "tool");
});

test("contents and names of every length come back", () => {
  const entry = fc.record({ name: fc.stringMatching(/^[a-z]{1,12}$/), content: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.uniqueArray(entry, { maxLength: 6, selector: ({ name }) => name }), (entries) => {
      const folder = scratch();
      cpio(["-i", "--no-preserve-owner"], writeCpio(entries.map(({ name, content }) => cpioFile(name, content))), folder);
      for (const { name, content } of entries) assert.ok(readFileSync(join(folder, name)).equals(content));
    }),
    { numRuns: 40 },
  );
});
