// The guest software that a fresh Debian machine can fetch: Debian's own arm64 kernels, a static busybox, U-Boot. Each is fetched once,
// into build/debian/, and stays there.

import { chmodSync, copyFileSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Apt } from "./apt.ts";
import { progress } from "./command.ts";
import type { FileSource } from "./config.ts";
import { withLock } from "./lock.ts";
import { BUILD } from "./paths.ts";
import { UserError } from "./user-error.ts";

export type KernelVersion = "6.1" | "6.12";

interface Material {
  /** The name of its folder under build/debian/. */
  readonly name: string;
  /** A package, or a metapackage that depends on it. */
  readonly package: string;
  /** Which dependency of the metapackage is the package. */
  readonly dependency?: RegExp;
  /** The path of the file in the package; `*` stands for what follows `linux-image-` in its name. */
  readonly file: string;
}

const FOLDER = join(BUILD, "debian");

const kernels: Readonly<Record<KernelVersion, Material>> = {
  "6.1": {
    name: "linux-6.1",
    package: "linux-image-cloud-arm64",
    dependency: /linux-image-6\.1\.[^ ,]*-cloud-arm64/,
    file: "boot/vmlinuz-*",
  },
  "6.12": {
    name: "linux-6.12",
    package: "linux-image-6.12-cloud-arm64",
    dependency: /linux-image-6\.12\.[^ ,]*-cloud-arm64/,
    file: "boot/vmlinuz-*",
  },
};

const busybox: Material = { name: "busybox", package: "busybox-static", file: "bin/busybox" };
const uBoot: Material = { name: "u-boot", package: "u-boot-qemu", file: "usr/lib/u-boot/qemu_arm64/u-boot.bin" };

/** The name of the file under build/debian/: the package's own, without a version. */
const keptAs = (material: Material): string => basename(material.file).replace("-*", "");

const resolvePackage = async (apt: Apt, material: Material): Promise<string> => {
  if (material.dependency === undefined) return material.package;
  const depends = (await apt.show(material.package)).get("Depends") ?? "";
  const match = material.dependency.exec(depends);
  if (match !== null) return match[0];
  throw new UserError(
    `${material.package} of this machine's apt sources depends on "${depends}", not on a kernel for ${material.name}`,
  );
};

/** Puts the file into `target`, and beside it the name and version of the package that it came from. */
const fetchInto = async (material: Material, target: string): Promise<void> => {
  const apt = new Apt(join(FOLDER, "apt"));
  await apt.update();
  const name = await resolvePackage(apt, material);
  const version = (await apt.show(name)).get("Version");
  progress(`fetching ${name} ${version} (arm64)`);
  const unpacked = mkdtempSync(join(FOLDER, "unpacked-"));
  try {
    await apt.unpack(name, unpacked);
    const path = join(unpacked, material.file.replace("*", name.replace("linux-image-", "")));
    const folder = mkdtempSync(join(FOLDER, "new-"));
    chmodSync(folder, 0o755);
    copyFileSync(path, join(folder, keptAs(material)));
    writeFileSync(join(folder, "package"), `${name} ${version}\n`);
    renameSync(folder, target);
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
};

const fetched = (material: Material) => async (): Promise<string> => {
  const target = join(FOLDER, material.name);
  const file = join(target, keptAs(material));
  if (!existsSync(file)) {
    await withLock(join(FOLDER, "lock"), async () => {
      if (!existsSync(file)) await fetchInto(material, target);
    });
  }
  return file;
};

/** Debian 12's arm64 kernel, cloud flavour, of a version. */
export const debianKernel = (version: KernelVersion): FileSource => fetched(kernels[version]);

/** A busybox without libraries, for arm64. */
export const debianBusybox = fetched(busybox);

/** U-Boot for QEMU's `virt` machine, which is what a guest sees. */
export const debianUBoot = (): FileSource => fetched(uBoot);
