// What a program needs, as binutils read it from the same file.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BUILD } from "../../../tool/paths.ts";
import { librariesOf } from "../../../tool/shared-libraries.ts";

test("the libraries of a dynamic program", () => {
  const said = execFileSync("aarch64-linux-gnu-readelf", ["-d", process.execPath], { encoding: "utf8" });
  const names = [...said.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1]);
  assert.ok(names.includes("libc.so.6"));
  assert.deepEqual(librariesOf(readFileSync(process.execPath)), names);
});

test("a static program needs none, and neither does what is no program", () => {
  assert.deepEqual(librariesOf(readFileSync(join(BUILD, "guests/linux/readcount"))), []);
  assert.deepEqual(librariesOf(Buffer.from("#!/bin/sh\n")), []);
  assert.deepEqual(librariesOf(Buffer.alloc(0)), []);
});
