import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF that starts outside its segments", async () => {
  await refused(withVm({}), "vms[0].kernel", "its entry 0x40100000 lies in none of its segments", {
    kernel: elf({ entry: 0x4010_0000 }),
  });
});
