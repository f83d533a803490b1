// A VM of an example that ends by itself: what its configuration does before it gives way to a shell, and then what a test asks for.

import type { VmConfig } from "../../tool/config.ts";

const SHELL = "exec sh";

/** The VM with these commands in place of its shell. */
export const ending = (vm: VmConfig, commands: string): VmConfig => {
  const { initrd } = vm;
  const options = typeof initrd === "object" && "busybox" in initrd && initrd.busybox !== true ? initrd.busybox : {};
  const { command = SHELL } = options;
  return { ...vm, initrd: { busybox: { ...options, command: command.replace(SHELL, `${commands}; poweroff -f`) } } };
};
