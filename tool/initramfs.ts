// Makes the initial RAM disk of the Linux examples: a static busybox, Debian packages if need be, and an init script that ends in a shell on
// the console.

import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import type { BusyboxOptions } from "./config/schema.ts";
import { type CpioEntry, cpioCharacterDevice, cpioDirectory, cpioFile, cpioSymlink, writeCpio } from "./cpio.ts";
import { debianBusybox } from "./debian.ts";
import type { KernelModule } from "./kernel-module.ts";
import { debianPackages, filesIn, mergedFolders } from "./packages.ts";
import { BUILD } from "./paths.ts";

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The terminal of the shell: the virtio console if it is the kernel's. It comes some time behind its module. */
const TERMINAL = `tty=ttyAMA0
if grep -q console=hvc0 /proc/cmdline; then tty=hvc0; until [ -c /dev/hvc0 ]; do sleep 0.1; done; fi
`;

/**
 * The shell gets the terminal as its controlling one (`setsid -c`: /dev/console cannot be it), so that Ctrl-C and job
 * control work. Nothing here flushes the terminal: what was typed ahead reaches the shell.
 */
const init = (command: string | undefined, modules: readonly KernelModule[]): string => `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
${modules.map(({ name }) => `insmod /modules/${name}.ko\n`).join("")}export PATH=/bin HOME=/root TERM=linux PS1='\\w # '
${TERMINAL}cd /root
echo "Linux $(uname -r) on $(uname -m): a busybox shell. poweroff -f leaves." >/dev/$tty
exec setsid -c sh${command === undefined ? "" : ` -c ${quoted(command)}`} </dev/$tty >/dev/$tty 2>&1
`;

/** What Debian packages bring, with the folders that it lies in. */
const packageEntries = (root: string): CpioEntry[] => {
  const files = filesIn(root).map((path): CpioEntry => {
    const stat = lstatSync(join(root, path));
    if (stat.isSymbolicLink()) return cpioSymlink(path, readlinkSync(join(root, path)));
    return cpioFile(path, readFileSync(join(root, path)), stat.mode & 0o777);
  });
  const folders = new Set(["usr"]);
  const add = (path: string): void => {
    if (path === "." || folders.has(path)) return;
    add(dirname(path));
    folders.add(path);
  };
  for (const { path } of files) add(dirname(path));
  const links = Object.entries(mergedFolders).map(([path, target]) => cpioSymlink(path, target));
  return [...[...folders].map(cpioDirectory), ...links, ...files];
};

interface Parts {
  readonly busybox: Buffer;
  readonly modules: readonly KernelModule[];
  /** The folder of what Debian packages bring. */
  readonly packages: string | undefined;
}

const archive = ({ busybox, modules, packages }: Parts, { programs = {}, command }: BusyboxOptions, folder: string): Buffer =>
  writeCpio([
    ...["bin", "dev", "proc", "root", "sys", "tmp"].map(cpioDirectory),
    cpioCharacterDevice("dev/console", 5, 1),
    ...(packages === undefined ? [] : packageEntries(packages)),
    cpioFile("bin/busybox", busybox, 0o755),
    cpioSymlink("bin/sh", "busybox"),
    cpioFile("init", Buffer.from(init(command, modules)), 0o755),
    ...(modules.length === 0 ? [] : [cpioDirectory("modules")]),
    ...modules.map(({ name, bytes }) => cpioFile(`modules/${name}.ko`, bytes, 0o644)),
    ...Object.entries(programs).map(([name, file]) => cpioFile(`bin/${name}`, readFileSync(resolve(folder, file)), 0o755)),
  ]);

/** What `{ busybox: … }` stands for in a configuration; paths of programs are relative to `configFolder`. Returns the path of the archive. */
export const makeInitramfs = async (
  options: BusyboxOptions,
  configFolder: string,
  modules: readonly KernelModule[] = [],
): Promise<string> => {
  const busybox = readFileSync(await debianBusybox.fetch());
  const packages = options.packages?.length ? await debianPackages(options.packages).fetch() : undefined;
  const bytes = archive({ busybox, modules, packages }, options, configFolder);
  const folder = join(BUILD, "initramfs");
  const file = join(folder, `busybox-${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}.cpio.gz`);
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    const unfinished = `${file}.${process.pid}`;
    writeFileSync(unfinished, gzipSync(bytes, { level: 9 }));
    renameSync(unfinished, file);
  }
  return file;
};
