import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a disk that no VM has", async () => {
  await refused(
    { ...withVm({}), disks: [{ name: "root", file: "root" }] },
    "disks[0]",
    'no VM has it: add { disk: "root" } to `disks` of a VM',
    { root: new Uint8Array(8192) },
  );
});
