import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a disk of the board without a serial number", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "data" }] }), disks: [{ name: "data", size: "1M", writable: true, board: "SATA-1" }] },
    "disks[0].board",
    "must be { serial, … }: the serial number of one of the board's disks",
  );
});
