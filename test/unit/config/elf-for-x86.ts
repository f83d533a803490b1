import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF for another machine", async () => {
  await refused(withVm({}), "vms[0].kernel", "kernel is an ELF file, but not for AArch64", { kernel: elf({ machine: 62 }) });
});
