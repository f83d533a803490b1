import { test } from "node:test";
import { refusedAll, withVm } from "./refused.ts";

test("slices that end, and begin, behind the end of the disk that is made", async () => {
  const board = { serial: "SATA-1", image: "disk", size: "1M" };
  const disks = [
    { name: "data", board, start: 512, size: "1M" },
    { name: "rest", board, start: "1M" },
  ];
  await refusedAll({ ...withVm({ disks: [{ disk: "data" }, { disk: "rest" }] }), disks }, [
    ["disks[0]", "must end on the board's disk, which is made with 1 MiB"],
    ["disks[1]", "must end on the board's disk, which is made with 1 MiB"],
  ]);
});
