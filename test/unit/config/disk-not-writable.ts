import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a VM that wants to write to a disk that is not writable", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "root", readOnly: false }] }), disks: [{ name: "root", file: "root" }] },
    "vms[0].disks[0].readOnly",
    '"root" is not `writable`',
    { root: new Uint8Array(8192) },
  );
});
