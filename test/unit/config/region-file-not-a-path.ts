import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region with a file that is a number", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0x04000000, size: "4K", file: 1 }] }),
    "vms[0].regions[0].file",
    "must be the path of a file, or a function that returns one",
  );
});
