import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF cut behind its header", async () => {
  await refused(withVm({}), "vms[0].kernel", "is a broken ELF file", { kernel: elf({ length: 64 }) });
});
