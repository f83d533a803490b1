// Debian's own Linux 6.1 kernel, with a busybox shell on the console: what `./run_hypervisor.sh` starts.

import { defineSystem } from "../../tool/config.ts";
import { debianKernel } from "../../tool/debian.ts";
import { busyboxInitrd } from "../../tool/initramfs.ts";

export default defineSystem({
  vms: [
    {
      name: "linux",
      memory: "128M",
      kernel: debianKernel("6.1"),
      initrd: busyboxInitrd(),
      bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
    },
  ],
});
