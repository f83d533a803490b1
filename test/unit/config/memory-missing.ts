import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("no memory", async () => {
  await refused(withVm({ memory: undefined }), "vms[0].memory", "must be a size");
});
