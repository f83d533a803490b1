import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF of nine segments", async () => {
  await refused(withVm({}), "vms[0].kernel", "kernel has 9 separate segments, and 8 can be loaded", {
    kernel: elf({ segments: Array.from({ length: 9 }, (_, n) => ({ at: 0x4008_0000 + n * 0x1_0000 })) }),
  });
});
