// Packages come verified or not at all: a small archive of our own, tampered with in turn. Nothing here needs a network.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Apt } from "../../../tool/apt.ts";
import { scratch } from "../scratch.ts";

/** What a user is told to add where a package is missing. */
const SOURCE = "deb http://example.org/debian stable main";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

interface Archive {
  /** The package `thing`. */
  readonly deb: string;
  readonly apt: Apt;
}

/** What makes a package for arm64: a file `content`, and its entry in a package list. */
const pack = (folder: string, name: string, version: string, fields: string, content: string): string => {
  const tree = join(folder, name);
  mkdirSync(join(tree, "DEBIAN"), { recursive: true });
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: arm64\nMaintainer: nobody <nobody@localhost>\n${fields}Description: a thing\n`;
  writeFileSync(join(tree, "DEBIAN/control"), control);
  writeFileSync(join(tree, "content"), content);
  const deb = join(folder, `${name}.deb`);
  execFileSync("dpkg-deb", ["--build", "--root-owner-group", "-Znone", tree, deb], { stdio: "ignore" });
  const bytes = readFileSync(deb);
  return `${control}Filename: ./${name}.deb\nSize: ${bytes.length}\nSHA256: ${sha256(bytes)}\n\n`;
};

/** An archive with packages for arm64, and an apt that knows no other; `trusted` says whether it does without a signature. */
const archive = (trusted: boolean): Archive => {
  const folder = scratch();
  // apt reads local archives as any user.
  chmodSync(folder, 0o755);
  const packages = [
    pack(folder, "thing", "1.0", "Depends: base\nRecommends: ornament\n", "genuine"),
    pack(folder, "base", "2.0", "", "of base"),
    pack(folder, "ornament", "3.0", "", "of ornament"),
  ].join("");
  writeFileSync(join(folder, "Packages"), packages);
  writeFileSync(join(folder, "Release"), `SHA256:\n ${sha256(Buffer.from(packages))} ${packages.length} Packages\n`);
  const sources = join(folder, "sources.list");
  writeFileSync(sources, `deb ${trusted ? "[trusted=yes] " : ""}file:${folder} ./\n`);
  return { deb: join(folder, "thing.deb"), apt: new Apt(join(folder, "state"), { sources }) };
};

/** Replaces a text by another of the same length. */
const tamper = (file: string, from: string, to: string): void => {
  const bytes = readFileSync(file);
  bytes.write(to, bytes.indexOf(from));
  writeFileSync(file, bytes);
};

test("a package is fetched and unpacked", async () => {
  const { apt } = archive(true);
  await apt.update();
  assert.equal((await apt.show("thing", SOURCE)).get("Version"), "1.0");
  const target = scratch();
  await apt.unpack("thing", target);
  assert.equal(readFileSync(join(target, "content"), "utf8"), "genuine");
});

test("what a package depends on is found, and each is unpacked into a folder of its own", async () => {
  const { apt } = archive(true);
  await apt.update();
  const closure = await apt.closure(["thing"]);
  assert.deepEqual(Object.fromEntries(closure), { base: "2.0", thing: "1.0" });
  const target = scratch();
  await apt.unpackApart([...closure.keys()], target);
  assert.equal(readFileSync(join(target, "thing/content"), "utf8"), "genuine");
  assert.equal(readFileSync(join(target, "base/content"), "utf8"), "of base");
});

test("a package that was changed is refused", async () => {
  const { apt, deb } = archive(true);
  await apt.update();
  tamper(deb, "genuine", "changed");
  await assert.rejects(apt.unpack("thing", scratch()), /Hash Sum mismatch/);
});

test("a package list that was changed is refused", async () => {
  const { apt, deb } = archive(true);
  tamper(join(deb, "../Packages"), "Version: 1.0", "Version: 1.1");
  await assert.rejects(apt.update(), /Hash Sum mismatch/);
});

test("an archive without a signature is refused", async () => {
  await assert.rejects(archive(false).apt.update(), /is not signed/);
});

test("a package that no source has is said so, with the source to add", async () => {
  const { apt } = archive(true);
  await apt.update();
  await assert.rejects(
    apt.show("nothing", SOURCE),
    (thrown: Error) => thrown.message.includes("nothing") && thrown.message.includes(SOURCE),
  );
  // Neither a name that another begins with.
  await assert.rejects(apt.show("thin", SOURCE), /none of this machine's apt sources has thin/);
});

test("lists that lacked a package are fetched anew: a source may have been added", async () => {
  const { apt, deb } = archive(true);
  await apt.update();
  const folder = join(deb, "..");
  const renamed = readFileSync(join(folder, "Packages"), "utf8").replace("Package: thing", "Package: other");
  writeFileSync(join(folder, "Packages"), renamed);
  writeFileSync(join(folder, "Release"), `SHA256:\n ${sha256(Buffer.from(renamed))} ${renamed.length} Packages\n`);
  await apt.update();
  await assert.rejects(apt.show("other", SOURCE), /has other/);
  await apt.update();
  assert.equal((await apt.show("other", SOURCE)).get("Version"), "1.0");
});
