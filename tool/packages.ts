// Debian packages as they go into an initial RAM disk: the files of the packages that are named, and of those that they depend on the shared
// libraries that programs among these files need. Maintainer scripts do not run. A set of packages is fetched once, into build/debian/.

import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { Apt } from "./apt.ts";
import { progress } from "./command.ts";
import { rules } from "./config/rules.ts";
import { DEBIAN_FOLDER, Fetchable } from "./fetchable.ts";
import { librariesOf } from "./shared-libraries.ts";

/** None of the machine's apt sources has a package that a configuration names. */
export class NoPackage extends Error {
  constructor(name: string) {
    super(rules.NO_SUCH_PACKAGE(name));
  }
}

/** What nobody reads in a RAM disk. */
const LEFT_OUT = /^usr\/share\/(bash-completion|doc|doc-base|info|lintian|locale|man|zsh)\//;

/** Where /usr is merged, here with the root (as a RAM disk without packages has it), a path leads elsewhere. */
const merged = (path: string): string => path.replace(/^(usr\/)?s?bin\//, "bin/").replace(/^usr\/lib\//, "lib/");

/** The links by which a path before the merge leads to the same file. */
export const mergedFolders: Readonly<Record<string, string>> = {
  sbin: "bin",
  "usr/bin": "../bin",
  "usr/sbin": "../bin",
  "usr/lib": "../lib",
};

/** Paths of files and links, relative to the folder. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();

/** Whether there is something behind a path, and nothing of this machine: a link that begins with "/" would lead there. */
const isWithin = (folder: string, path: string): boolean =>
  existsSync(join(folder, path)) && realpathSync(join(folder, path)).startsWith(`${realpathSync(folder)}/`);

/** Copies libraries into `root`, as they are behind their links, so that each has the name that it is looked for by. */
const addLibraries = (programs: readonly string[], unpacked: string, root: string): void => {
  const places = new Map<string, string[]>();
  for (const path of globSync("*/{lib,usr/lib}/**/*.so*", { cwd: unpacked })) {
    if (!isWithin(unpacked, path)) continue;
    const name = basename(path);
    places.set(name, [...(places.get(name) ?? []), path]);
  }
  const waiting = [...programs];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const path of librariesOf(readFileSync(file)).flatMap((name) => places.get(name) ?? [])) {
      const target = join(root, merged(path.slice(path.indexOf("/") + 1)));
      if (existsSync(target)) continue;
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(join(unpacked, path), target);
      waiting.push(target);
    }
  }
};

/** Puts what packages bring into a RAM disk into `root`; `unpacked` has a folder for each, and for each that they depend on. */
export const choose = (names: readonly string[], unpacked: string, root: string): void => {
  for (const name of names) {
    for (const path of filesIn(join(unpacked, name))) {
      if (LEFT_OUT.test(path)) continue;
      cpSync(join(unpacked, name, path), join(root, merged(path)), { verbatimSymlinks: true });
    }
  }
  const files = filesIn(root).map((path) => join(root, path));
  addLibraries(
    files.filter((path) => lstatSync(path).isFile()),
    unpacked,
    root,
  );
};

const fetchInto = async (names: readonly string[], target: string): Promise<void> => {
  const apt = new Apt(join(DEBIAN_FOLDER, "apt"));
  await apt.update();
  for (const name of names) if (!(await apt.has(name))) throw new NoPackage(name);
  const closure = await apt.closure(names);
  progress(`fetching ${names.join(", ")}, and what they depend on: ${closure.size} packages (arm64)`);
  const unpacked = mkdtempSync(join(DEBIAN_FOLDER, "unpacked-"));
  try {
    await apt.unpackApart([...closure.keys()], unpacked);
    const folder = mkdtempSync(join(DEBIAN_FOLDER, "new-"));
    chmodSync(folder, 0o755);
    choose(names, unpacked, join(folder, "root"));
    writeFileSync(join(folder, "packages"), [...closure].map(([name, version]) => `${name} ${version}\n`).join(""));
    mkdirSync(dirname(target), { recursive: true });
    renameSync(folder, target);
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
};

/** The folder that holds what packages bring into a RAM disk, in whatever order they are named. */
export const debianPackages = (names: readonly string[]): Fetchable => {
  const sorted = [...new Set(names)].sort();
  const key = createHash("sha256").update(sorted.join(" ")).digest("hex").slice(0, 16);
  const target = join(DEBIAN_FOLDER, "packages", key);
  return new Fetchable(
    join(target, "root"),
    () => existsSync(target),
    () => fetchInto(sorted, target),
  );
};
