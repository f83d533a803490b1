// The same Linux as examples/linux, up to its shell, which prints the count and switches the machine off.

import { defineSystem } from "../../tool/config.ts";
import { linux } from "./linux.ts";

export default defineSystem({
  logLevels: { vm: "debug" },
  vms: [{ name: "linux", memory: linux.memory, kernel: linux.kernel, initrd: linux.initrd, bootargs: linux.bootargs }],
});
