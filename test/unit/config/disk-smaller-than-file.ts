import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a disk smaller than its file", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "root" }] }), disks: [{ name: "root", file: "root", size: "4K", writable: true }] },
    "disks[0].file",
    "root has 8 KiB, which is more than the disk's 4 KiB",
    { root: new Uint8Array(8192) },
  );
});
