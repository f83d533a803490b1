// A small program without an operating system (guests/hello): prints, takes a timer interrupt, survives an abort.

import { defineSystem } from "../../tool/config.ts";

export default defineSystem({
  vms: [{ name: "hello", memory: "64M", kernel: "../../build/guests/hello.bin" }],
});
