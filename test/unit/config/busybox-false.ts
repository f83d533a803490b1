import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("no busybox", async () => {
  await refused(
    withVm({ initrd: { busybox: false } }),
    "vms[0].initrd.busybox",
    "must be true or { command, programs, modules, packages }",
  );
});
