import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF below the RAM", async () => {
  await refused(
    withVm({}),
    "vms[0].kernel",
    "its segment 0x80000000 to 0x80000003 lies outside the VM's RAM (0x40000000 to 0x43ffffff)",
    { kernel: elf({ segments: [{ at: 0x8000_0000 }], entry: 0x8000_0000 }) },
  );
});
