// The guest that measures what operations cost (guests/bench), and those that it measures them with, which it starts itself.

import { defineSystem } from "../../tool/config.ts";

const kernel = "../../build/guests/bench.bin";

export default defineSystem({
  name: "bench",
  doorbells: [["bench", "answers"]],
  disks: [{ name: "disk", size: "1M", writable: true }],
  vms: [
    { name: "bench", memory: "64M", vcpus: 2, kernel, controller: true, disks: [{ disk: "disk" }] },
    { name: "yields", memory: "16M", kernel, bootargs: "run=yield", autostart: false },
    { name: "answers", memory: "16M", kernel, bootargs: "run=answer", autostart: false },
  ],
});
