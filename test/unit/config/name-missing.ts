import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a VM without a name", async () => {
  await refused(withVm({ name: undefined }), "vms[0].name", "must be 1 to 31");
});
