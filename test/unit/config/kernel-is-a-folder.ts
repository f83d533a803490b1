import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a kernel that is a folder", async () => {
  await refused(withVm({ kernel: "." }), "vms[0].kernel", "is a folder");
});
