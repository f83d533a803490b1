import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a kernel in ELF", async () => {
  await refused(withVm({}), "vms[0].kernel", "is an ELF file", { kernel: "\x7fELF".padEnd(100) });
});
