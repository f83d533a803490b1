// The guest that measures what operations cost (guests/bench).

import { defineSystem } from "../../tool/config.ts";

export default defineSystem({
  name: "bench",
  vms: [{ name: "bench", memory: "64M", kernel: "../../build/guests/bench.bin" }],
});
