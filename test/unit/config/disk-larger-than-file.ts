import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a disk that is not writable, and larger than its file", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "root" }] }), disks: [{ name: "root", file: "root", size: "1M" }] },
    "disks[0].size",
    "is that of the file: only a `writable` disk may be larger",
    { root: new Uint8Array(8192) },
  );
});
