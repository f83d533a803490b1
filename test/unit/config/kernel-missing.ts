import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a VM without a kernel", async () => {
  await refused(withVm({ kernel: undefined }), "vms[0].kernel", "must be the path of a file");
});
