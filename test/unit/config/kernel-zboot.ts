import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a compressed EFI kernel", async () => {
  await refused(withVm({}), "vms[0].kernel", "is a compressed EFI image", { kernel: "MZ\0\0zimg".padEnd(100) });
});
