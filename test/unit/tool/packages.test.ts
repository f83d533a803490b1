// What of Debian packages goes into a RAM disk: small packages of our own, with programs that need each other's libraries.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { choose, filesIn } from "../../../tool/packages.ts";
import { scratch } from "../scratch.ts";

const LIB = "usr/lib/aarch64-linux-gnu";

/** A source of nothing, behind which come libraries. */
const EMPTY = ["-x", "c", "/dev/null", "-x", "none"];

/** Packages as they are unpacked. */
class Unpacked {
  readonly folder = scratch();

  text(path: string, content = ""): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), content);
  }

  link(path: string, target: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    symlinkSync(target, join(this.folder, path));
  }

  /** Something dynamic that needs libraries, which are there. */
  elf(path: string, needs: readonly string[] = [], name?: string): void {
    this.text(path);
    const libraries = needs.map((library) => join(this.folder, library));
    const soname = name === undefined ? [] : [`-Wl,-soname,${name}`];
    const options = ["-shared", "-nostdlib", "-Wl,--no-as-needed", ...soname];
    execFileSync("aarch64-linux-gnu-gcc", [...options, "-o", join(this.folder, path), ...EMPTY, ...libraries]);
  }

  chosen(...names: string[]): string {
    const root = scratch();
    choose(names, this.folder, root);
    return root;
  }
}

/** A tool that needs libnear, which needs libfar; and what it does not need. */
const packages = (): Unpacked => {
  const unpacked = new Unpacked();
  unpacked.elf(`far/${LIB}/libfar.so.2.1`, [], "libfar.so.2");
  unpacked.link(`far/${LIB}/libfar.so.2`, "libfar.so.2.1");
  unpacked.elf("near/lib/aarch64-linux-gnu/libnear.so.1", [`far/${LIB}/libfar.so.2`], "libnear.so.1");
  unpacked.text("near/usr/bin/near-config", "#!/bin/sh");
  unpacked.elf(`idle/${LIB}/libidle.so.1`, [], "libidle.so.1");
  unpacked.elf("tool/usr/sbin/tool", ["near/lib/aarch64-linux-gnu/libnear.so.1"]);
  unpacked.link("tool/sbin/tool.alias", "../usr/sbin/tool");
  unpacked.text("tool/etc/tool.conf", "setting");
  unpacked.text("tool/usr/share/man/man8/tool.8.gz");
  unpacked.text("tool/usr/share/tool/data");
  return unpacked;
};

test("a package's own files, and the libraries that they need, where a merged /usr has them", () => {
  const root = packages().chosen("tool");
  assert.deepEqual(filesIn(root), [
    "bin/tool",
    "bin/tool.alias",
    "etc/tool.conf",
    "lib/aarch64-linux-gnu/libfar.so.2",
    "lib/aarch64-linux-gnu/libnear.so.1",
    "usr/share/tool/data",
  ]);
  assert.equal(readlinkSync(join(root, "bin/tool.alias")), "../usr/sbin/tool");
  assert.equal(readFileSync(join(root, "etc/tool.conf"), "utf8"), "setting");
});

test("a library is what is behind its name", () => {
  const unpacked = packages();
  const root = unpacked.chosen("tool");
  const library = readFileSync(join(unpacked.folder, `far/${LIB}/libfar.so.2.1`));
  assert.deepEqual(readFileSync(join(root, "lib/aarch64-linux-gnu/libfar.so.2")), library);
});

test("a library that is named as a package comes with all that is its own", () => {
  assert.ok(filesIn(packages().chosen("tool", "near")).includes("bin/near-config"));
});

test("a link that leads out of the packages is no library: it would be this machine's", () => {
  const unpacked = packages();
  unpacked.link("stray/usr/lib/libnear.so.1", "/etc/hostname");
  assert.ok(!filesIn(unpacked.chosen("tool")).includes("lib/libnear.so.1"));
});
