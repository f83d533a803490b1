// The root file system that two VMs of this example share: an ext4 of Debian's busybox and a greeting, made with mke2fs.

import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "../../tool/command.ts";
import { debianBusybox } from "../../tool/debian.ts";
import { BUILD } from "../../tool/paths.ts";

/** Makes it; returns its path. */
export const rootImage = async (): Promise<string> => {
  const folder = join(BUILD, "examples/storage");
  const image = join(folder, "root.img");
  const tree = mkdtempSync(join(tmpdir(), "hyper-lite-root-"));
  try {
    for (const name of ["bin", "dev", "etc", "proc", "sys", "tmp"]) mkdirSync(join(tree, name));
    copyFileSync(await debianBusybox.fetch(), join(tree, "bin/busybox"));
    chmodSync(join(tree, "bin/busybox"), 0o755);
    writeFileSync(join(tree, "etc/motd"), "This root file system is one disk, and several VMs have it.\n");
    mkdirSync(folder, { recursive: true });
    rmSync(image, { force: true });
    await runCommand("/sbin/mke2fs", ["-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0", "-d", tree, image, "8M"]);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
  return image;
};
