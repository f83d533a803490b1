import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a slice with a file", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "data" }] }), disks: [{ name: "data", file: "kernel", board: { serial: "SATA-1" } }] },
    "disks[0].file",
    "is not for a slice of a disk of the board",
  );
});
