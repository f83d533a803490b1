// The Linux that is measured, natively and in a VM: the same kernel, initial RAM disk, command line and RAM.

import { join } from "node:path";
import { BUILD } from "../../tool/paths.ts";

export const linux = {
  memory: "128M",
  kernel: { debian: "linux-6.1" },
  initrd: { busybox: { programs: { readcount: join(BUILD, "guests/linux/readcount") }, command: "readcount; poweroff -f" } },
  bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
} as const;
