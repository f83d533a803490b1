// What a user does wrong on the command line: one clear message, an exit code, no stack trace.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scratch } from "../scratch.ts";
import { hyperLite, scratchSystem } from "./command-line.ts";

const folder = scratch();
const fileWith = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
mkdirSync(join(folder, "empty"));

const mistakes: readonly [title: string, args: string[], status: number, message: RegExp][] = [
  ["no command", [], 2, /Usage: hyper-lite/],
  ["an unknown command", ["fly"], 2, /unknown command 'fly'/],
  ["run without a system", ["run"], 2, /missing required argument 'system'/],
  ["build without an output", ["build", folder], 2, /required option '-o, --output <file>' not specified/],
  ["an unknown option", ["run", folder, "--fast"], 2, /unknown option '--fast'/],
  ["memory that is no size", ["run", folder, "--memory", "much"], 2, /argument 'much' is invalid. It must be whole MiB/],
  ["memory of half a MiB", ["run", folder, "--memory", "512K"], 2, /It must be whole MiB/],
  ["a timeout of nothing", ["run", folder, "--timeout", "0"], 2, /It must be a number of seconds above 0/],
  ["a system that is not there", ["run", join(folder, "none")], 3, /none: no such file or folder\n$/],
  ["a folder without a configuration", ["run", join(folder, "empty")], 3, /empty: the folder has no hyper-lite\.config\.ts\n$/],
  [
    "a configuration that is no TypeScript",
    ["run", fileWith("a.config.ts", "const const")],
    3,
    /a\.config\.ts: cannot be loaded: /,
  ],
  [
    "a configuration that throws",
    ["run", fileWith("b.config.ts", "throw new Error('oops')")],
    3,
    /b\.config\.ts: cannot be loaded: oops\n$/,
  ],
  [
    "a configuration without default export",
    ["run", fileWith("c.config.ts", "export {}")],
    3,
    /c\.config\.ts: must have a default export/,
  ],
  [
    "a wrong value",
    ["run", scratchSystem('{ name: "x", memory: "1M", kernel: "kernel" }')],
    3,
    /config\.ts: vms\[0\]\.memory: must be at least 16 MiB\n$/,
  ],
  [
    "two wrong values",
    ["run", scratchSystem('{ name: "", memory: "1M", kernel: "kernel" }')],
    3,
    /^hyper-lite: .*vms\[0\]\.name: .*\nhyper-lite: .*vms\[0\]\.memory: .*\n$/,
  ],
  ["log levels for no module", ["run", scratchSystem(), "--log-levels", "disk=debug"], 3, /--log-levels: disk: unknown module/],
  ["log levels without a level", ["run", scratchSystem(), "--log-levels", "vgic"], 3, /--log-levels: vgic: must be a level/],
  ["an output that cannot be written", ["build", scratchSystem(), "-o", "/proc/none/x"], 1, /ENOENT.*\/proc\/none\/x/],
];

for (const [title, args, status, message] of mistakes) {
  test(title, async () => {
    const ended = await hyperLite(args).ended;
    assert.equal(ended.status, status, ended.stderr);
    assert.match(ended.stderr, message);
    assert.equal(ended.stdout, "");
    assert.doesNotMatch(ended.stderr, /\n\s+at /);
  });
}
