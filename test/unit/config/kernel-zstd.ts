import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a kernel compressed with zstd", async () => {
  await refused(withVm({}), "vms[0].kernel", "is compressed with zstd", { kernel: Buffer.from("\x28\xb5\x2f\xfd", "latin1") });
});
