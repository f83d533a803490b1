// The guest that tries what no guest should (guests/wild), with a read-only region to write to.

import { defineSystem } from "../../../../tool/config.ts";

export default defineSystem({
  vms: [
    {
      name: "wild",
      memory: "64M",
      kernel: "../../../../build/guests/wild.bin",
      regions: [{ ipa: 0x2000_0000, size: "4K", readOnly: true, file: "rom.txt" }],
    },
  ],
});
