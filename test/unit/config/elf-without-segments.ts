import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF with nothing to load", async () => {
  await refused(withVm({}), "vms[0].kernel", "is an ELF file with nothing to load", { kernel: elf({ segments: [] }) });
});
