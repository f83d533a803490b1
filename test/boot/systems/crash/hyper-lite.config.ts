// One VM that runs guests/crash.

import { defineSystem } from "../../../../tool/config.ts";

export default defineSystem({
  vms: [{ name: "crash", memory: "64M", kernel: "../../../../build/guests/crash.bin" }],
});
