// One VM that runs guests/reset.

import { defineSystem } from "../../../../tool/config.ts";

export default defineSystem({
  vms: [{ name: "reset", memory: "64M", kernel: "../../../../build/guests/reset.bin" }],
});
