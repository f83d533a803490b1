// Debian's own Linux 6.12 kernel (of bookworm), with a busybox shell on the console.

import { defineSystem } from "../../tool/config.ts";

export default defineSystem({
  vms: [
    {
      name: "linux",
      memory: "128M",
      kernel: { debian: "linux-6.12" },
      initrd: { busybox: true },
      bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
    },
  ],
});
