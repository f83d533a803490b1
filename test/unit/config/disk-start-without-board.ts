import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a start of a disk that is no slice", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "data" }] }), disks: [{ name: "data", size: "1M", start: 512, writable: true }] },
    "disks[0].start",
    "is for slices of the board's disks (`board`)",
  );
});
