import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a disk of an empty file", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "root" }] }), disks: [{ name: "root", file: "root" }] },
    "disks[0].file",
    "root is empty",
    { root: "" },
  );
});
