// The guest software that a fresh Debian machine can fetch: Debian's own arm64 kernels, a static busybox, U-Boot. Each is fetched once,
// into build/debian/, and stays there.

import { chmodSync, copyFileSync, cpSync, existsSync, globSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Apt } from "./apt.ts";
import { progress } from "./command.ts";
import type { DebianFile } from "./config/schema.ts";
import { DEBIAN_FOLDER, Fetchable } from "./fetchable.ts";
import { UserError } from "./user-error.ts";

interface Material {
  /** The name of its folder under build/debian/. */
  readonly name: string;
  /** A package, or a metapackage that depends on it. */
  readonly package: string;
  /** Which dependency of the metapackage is the package. */
  readonly dependency?: RegExp;
  /** The path of the file in the package; `*` stands for what follows `linux-image-` in its name. */
  readonly file: string;
  /** The folder of the kernel's modules in the package, kept beside the file. */
  readonly modules?: string;
  /** The line of a sources list that has it. */
  readonly source: string;
}

const MODULES = "modules";

const MAIN = "deb http://deb.debian.org/debian bookworm main";
const SECURITY = "deb http://deb.debian.org/debian-security bookworm-security main";

const materials: Readonly<Record<DebianFile, Material>> = {
  "linux-6.1": {
    name: "linux-6.1",
    package: "linux-image-cloud-arm64",
    dependency: /linux-image-6\.1\.[^ ,]*-cloud-arm64/,
    file: "boot/vmlinuz-*",
    modules: "lib/modules/*/kernel",
    source: MAIN,
  },
  "linux-6.12": {
    name: "linux-6.12",
    package: "linux-image-6.12-cloud-arm64",
    dependency: /linux-image-6\.12\.[^ ,]*-cloud-arm64/,
    file: "boot/vmlinuz-*",
    modules: "lib/modules/*/kernel",
    source: SECURITY,
  },
  "u-boot": { name: "u-boot", package: "u-boot-qemu", file: "usr/lib/u-boot/qemu_arm64/u-boot.bin", source: MAIN },
};

const busybox: Material = { name: "busybox", package: "busybox-static", file: "bin/busybox", source: MAIN };

/** The name of the file under build/debian/: the package's own, without a version. */
const keptAs = (material: Material): string => basename(material.file).replace("-*", "");

const resolvePackage = async (apt: Apt, material: Material): Promise<string> => {
  if (material.dependency === undefined) return material.package;
  const depends = (await apt.show(material.package, material.source)).get("Depends") ?? "";
  const match = material.dependency.exec(depends);
  if (match !== null) return match[0];
  throw new UserError(
    `${material.package} of this machine's apt sources depends on "${depends}", not on a kernel for ${material.name}`,
  );
};

/** Puts the file into `target`, and beside it the name and version of the package that it came from. */
const fetchInto = async (material: Material, target: string): Promise<void> => {
  const apt = new Apt(join(DEBIAN_FOLDER, "apt"));
  await apt.update();
  const name = await resolvePackage(apt, material);
  const version = (await apt.show(name, material.source)).get("Version");
  progress(`fetching ${name} ${version} (arm64)`);
  const unpacked = mkdtempSync(join(DEBIAN_FOLDER, "unpacked-"));
  try {
    await apt.unpack(name, unpacked);
    const path = join(unpacked, material.file.replace("*", name.replace("linux-image-", "")));
    const folder = mkdtempSync(join(DEBIAN_FOLDER, "new-"));
    chmodSync(folder, 0o755);
    copyFileSync(path, join(folder, keptAs(material)));
    if (material.modules !== undefined) {
      for (const modules of globSync(material.modules, { cwd: unpacked }))
        cpSync(join(unpacked, modules), join(folder, MODULES), { recursive: true });
    }
    writeFileSync(join(folder, "package"), `${name} ${version}\n`);
    // One that an older version of this tool has fetched may lack something.
    rmSync(target, { recursive: true, force: true });
    renameSync(folder, target);
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
};

const fetchable = (material: Material): Fetchable => {
  const target = join(DEBIAN_FOLDER, material.name);
  const path = join(target, keptAs(material));
  const isThere = (): boolean => existsSync(path) && (material.modules === undefined || existsSync(join(target, MODULES)));
  return new Fetchable(path, isThere, () => fetchInto(material, target));
};

/** What `{ debian: … }` names in a configuration: Debian 12's kernels (cloud flavour), or U-Boot for QEMU's `virt`, which is what a guest sees. */
export const debianFile = (name: DebianFile): Fetchable => fetchable(materials[name]);

/** The folder of a kernel's modules, once the kernel is there. */
export const debianModules = (name: DebianFile): string => join(DEBIAN_FOLDER, name, MODULES);

/** A busybox without libraries, for arm64. */
export const debianBusybox = fetchable(busybox);
