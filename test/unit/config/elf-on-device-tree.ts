import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF over the device tree", async () => {
  await refused(
    withVm({}),
    "vms[0].kernel",
    "its segment 0x40000000 to 0x40000003 lies on the device tree (0x40000000 to 0x4000ffff)",
    { kernel: elf({ segments: [{ at: 0x4000_0000 }], entry: 0x4000_0000 }) },
  );
});
