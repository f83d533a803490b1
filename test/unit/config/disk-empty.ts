import { test } from "node:test";
import { refusedAll, withVm } from "./refused.ts";

test("a disk without a file, and one with a size alone that is not writable", async () => {
  const words = "must have a `file`, or a `size` and be `writable`";
  await refusedAll(
    {
      ...withVm({ disks: [{ disk: "one" }, { disk: "two" }] }),
      disks: [
        { name: "one", writable: true },
        { name: "two", size: "1M" },
      ],
    },
    [
      ["disks[0]", words],
      ["disks[1]", words],
    ],
  );
});
