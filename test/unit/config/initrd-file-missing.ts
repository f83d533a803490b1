import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("an initrd that is not there", async () => {
  await refused(withVm({ initrd: "initrd" }), "vms[0].initrd", "initrd: no such file");
});
