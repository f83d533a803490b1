import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("an initrd that is a number", async () => {
  await refused(withVm({ initrd: 5 }), "vms[0].initrd", "must be the path of a file, { busybox: true }");
});
