import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("slices of one disk that overlap, of which one is written", async () => {
  const board = { serial: "SATA-1" };
  const disks = [
    { name: "root", board, size: "1M" },
    { name: "data", board, start: 512 * 1024, writable: true },
  ];
  await refused(
    { ...withVm({ disks: [{ disk: "root" }, { disk: "data" }] }), disks },
    "disks[1]",
    "lies on disks[0], and one of the two is `writable`",
  );
});
