// U-Boot as Debian builds it for QEMU's `virt` machine, up to its prompt.

import { defineSystem } from "../../tool/config.ts";

export default defineSystem({
  vms: [
    {
      name: "u-boot",
      memory: "64M",
      kernel: { debian: "u-boot" },
      // The second flash chip of `virt`: U-Boot looks for its environment there and takes the zeros for an empty one.
      regions: [{ ipa: 0x0400_0000, size: "256K" }],
    },
  ],
});
