import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF that clears more memory than there is", async () => {
  await refused(withVm({}), "vms[0].kernel", "its segment 0x43ff0000 to 0x4400ffff lies outside the VM's RAM", {
    kernel: elf({ segments: [{ at: 0x43ff_0000, memory: 0x2_0000 }], entry: 0x43ff_0000 }),
  });
});
