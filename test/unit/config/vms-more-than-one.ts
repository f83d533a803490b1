import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("two VMs", async () => {
  await refused({ vms: [...withVm({}).vms, ...withVm({ name: "other" }).vms] }, "vms", "one VM a system");
});
