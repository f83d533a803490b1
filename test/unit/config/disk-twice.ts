import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a disk that a VM has twice", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "root" }, { disk: "root" }] }), disks: [{ name: "root", file: "root" }] },
    "vms[0].disks[1].disk",
    'the VM has "root" already',
    { root: new Uint8Array(8192) },
  );
});
