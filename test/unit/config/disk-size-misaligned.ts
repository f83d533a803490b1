import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("sizes of no whole sectors, and in RAM of no whole blocks", async () => {
  const disk = (size: number): object => ({
    ...withVm({ disks: [{ disk: "data" }] }),
    disks: [{ name: "data", size, writable: true, file: "kernel" }],
  });
  await refused(disk(9000), "disks[0].size", "must be a multiple of 512 bytes, a size not 0");
  await refused(disk(9216), "disks[0].size", "must be a multiple of 4 KiB: the disk lies in RAM");
});
