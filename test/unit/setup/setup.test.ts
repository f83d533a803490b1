// The scripts that set up and start: nothing to do is fast, what cannot be done is said with the command that does it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../../tool/paths.ts";
import { scratch } from "../scratch.ts";

/** The programs that setup.sh may find on a bare machine. */
const BARE = ["apt-get", "cat", "cmp", "cp", "dirname", "dpkg-query", "grep", "id", "sed", "sh", "true"];

/** A checkout of the set-up scripts alone, whose npm packages are there. */
const checkout = (packages = "dpkg\n"): string => {
  const folder = scratch();
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "setup"));
  mkdirSync(join(folder, "node_modules"));
  writeFileSync(join(folder, "setup/packages.txt"), packages);
  writeFileSync(join(folder, "package-lock.json"), "{}");
  writeFileSync(join(folder, "node_modules/.hyper-lite-lock"), "{}");
  copyFileSync(join(ROOT, "setup.sh"), join(folder, "setup.sh"));
  return folder;
};

/** A folder for PATH with the bare programs and further ones, given as shell scripts. */
const programs = (scripts: Readonly<Record<string, string>> = {}): string => {
  const folder = scratch();
  chmodSync(folder, 0o755);
  for (const name of BARE.filter((name) => !(name in scripts))) symlinkSync(join("/usr/bin", name), join(folder, name));
  for (const [name, script] of Object.entries(scripts))
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
};

/** Runs setup.sh as a user without rights and without a terminal. */
const setUp = (folder: string, path: string) => {
  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  return spawnSync("/usr/bin/setsid", ["-w", join(folder, "setup.sh")], {
    ...nobody,
    env: { PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
  });
};

test("with nothing to do it says nothing, fast", () => {
  const before = performance.now();
  const { status, stdout, stderr } = setUp(checkout(), programs());
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
  assert.ok(performance.now() - before < 1000);
});

test("without root and sudo it prints the command and exits with 4", () => {
  const { status, stdout, stderr } = setUp(checkout("dpkg\nno-such-package-1\nno-such-package-2\n"), programs());
  assert.equal(status, 4);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /\n {2}su -c 'apt-get update && apt-get install -y --no-install-recommends no-such-package-1 no-such-package-2'\n$/,
  );
});

test("with a sudo that wants to ask, and no terminal, it prints the command for sudo and exits with 4", () => {
  const { status, stderr } = setUp(checkout("no-such-package\n"), programs({ sudo: "exit 1" }));
  assert.equal(status, 4);
  assert.match(stderr, /\n {2}sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends no-such-package'\n$/);
});

test("with a sudo that does not ask it installs, and npm fills node_modules", () => {
  const folder = checkout("no-such-package\n");
  const log = join(folder, "log");
  writeFileSync(log, "", { mode: 0o666 });
  chmodSync(log, 0o666);
  chmodSync(join(folder, "node_modules"), 0o777);
  writeFileSync(join(folder, "node_modules/.hyper-lite-lock"), "other", { mode: 0o666 });
  chmodSync(join(folder, "node_modules/.hyper-lite-lock"), 0o666);
  const path = programs({
    sudo: 'shift; exec "$@"',
    "apt-get": `echo "apt-get $*" >>${log}; echo noise`,
    npm: `echo "npm $1" >>${log}; echo noise`,
  });
  const { status, stdout, stderr } = setUp(folder, path);
  assert.equal(status, 0, stderr);
  assert.equal(stdout, "");
  assert.equal(
    readFileSync(log, "utf8"),
    "apt-get -q update\napt-get install -y --no-install-recommends no-such-package\nnpm ci\n",
  );
  assert.equal(setUp(folder, programs({ npm: "exit 1", "dpkg-query": "echo no-such-package installed" })).status, 0);
});

test("a failing npm is a failing set-up, which the next one tries again", () => {
  const folder = checkout();
  writeFileSync(join(folder, "package-lock.json"), "{ }");
  for (let count = 0; count < 2; count++) assert.equal(setUp(folder, programs({ npm: "exit 7" })).status, 7);
});

test("run_hypervisor.sh knows its examples", () => {
  const { status, stdout, stderr } = spawnSync(join(ROOT, "run_hypervisor.sh"), ["no-such"], { encoding: "utf8" });
  assert.equal(status, 2);
  assert.equal(stdout, "");
  assert.match(stderr, /^run_hypervisor\.sh: no example named 'no-such'; there are: .*\bhello linux\b.*\n$/);
});
