import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a disk whose file is not there", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "root" }] }), disks: [{ name: "root", file: "root" }] },
    "disks[0].file",
    "root: no such file",
  );
});
