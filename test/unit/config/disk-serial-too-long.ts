import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a serial number of 21 characters", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "root", serial: "123456789012345678901" }] }), disks: [{ name: "root", file: "root" }] },
    "vms[0].disks[0].serial",
    "must be 1 to 20 characters of ASCII",
    { root: new Uint8Array(8192) },
  );
});
