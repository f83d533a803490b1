import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF whose segments overlap", async () => {
  await refused(withVm({}), "vms[0].kernel", "its segments 0x40080000 to 0x40081fff and 0x40081000 to 0x40081003 overlap", {
    kernel: elf({ segments: [{ at: 0x4008_0000, memory: 0x2000 }, { at: 0x4008_1000 }] }),
  });
});
