// Linux, U-Boot, and a bare-metal guest (guests/periodic) that must wake up every millisecond, on one CPU: whatever the others do, it
// runs first, because its priority is the highest.

import { defineSystem } from "../../tool/config.ts";

export default defineSystem({
  vms: [
    {
      name: "linux",
      memory: "128M",
      kernel: { debian: "linux-6.1" },
      initrd: { busybox: true },
      bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
    },
    {
      name: "u-boot",
      memory: "64M",
      kernel: { debian: "u-boot" },
      // The second flash chip of `virt`: U-Boot looks for its environment there and takes the zeros for an empty one.
      regions: [{ ipa: 0x0400_0000, size: "256K" }],
    },
    { name: "periodic", memory: "16M", priority: 31, kernel: "../../build/guests/periodic.bin" },
  ],
});
