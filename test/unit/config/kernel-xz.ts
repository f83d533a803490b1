import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a kernel compressed with xz", async () => {
  await refused(withVm({}), "vms[0].kernel", "is compressed with xz", { kernel: Buffer.from("\xfd7zXZ\0", "latin1") });
});
