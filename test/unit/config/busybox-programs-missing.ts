import { test } from "node:test";
import { refusedAll, withVm } from "./refused.ts";

test("programs of busybox that are not there, and one that is a folder", async () => {
  const programs = { one: "none", there: "kernel", two: "gone", "un.do": "." };
  await refusedAll(withVm({ initrd: { busybox: { programs } } }), [
    ["vms[0].initrd.busybox.programs.one", "none: no such file"],
    ["vms[0].initrd.busybox.programs.two", "gone: no such file"],
    ['vms[0].initrd.busybox.programs["un.do"]', ""],
  ]);
});
