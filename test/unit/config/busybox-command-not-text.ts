import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a command of busybox that is a list", async () => {
  await refused(withVm({ initrd: { busybox: { command: ["ls"] } } }), "vms[0].initrd.busybox.command", "must be a text");
});
