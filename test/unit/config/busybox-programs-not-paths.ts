import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("programs of busybox in a list", async () => {
  await refused(
    withVm({ initrd: { busybox: { programs: ["tool"] } } }),
    "vms[0].initrd.busybox.programs",
    "must be paths of files by their names",
  );
});
