import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a disk that does not exist", async () => {
  await refused(
    withVm({ disks: [{ disk: "root" }] }),
    "vms[0].disks[0].disk",
    'there is no disk "root" in the system\'s `disks`',
  );
});
