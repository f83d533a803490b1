// Debian's own Linux 6.12 kernel (of bookworm), with a busybox shell on the console.

import { defineSystem } from "../../tool/config.ts";
import { debianKernel } from "../../tool/debian.ts";
import { busyboxInitrd } from "../../tool/initramfs.ts";

export default defineSystem({
  vms: [
    {
      name: "linux",
      memory: "128M",
      kernel: debianKernel("6.12"),
      initrd: busyboxInitrd(),
      bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
    },
  ],
});
