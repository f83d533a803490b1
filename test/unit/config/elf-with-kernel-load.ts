import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF and a place for it", async () => {
  await refused(withVm({ kernelLoad: "1M" }), "vms[0].kernelLoad", "is not for kernel: an ELF file says itself where it goes", {
    kernel: elf(),
  });
});
