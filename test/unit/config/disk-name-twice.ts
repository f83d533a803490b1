import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("two disks of one name", async () => {
  const disks = [
    { name: "root", file: "root" },
    { name: "root", file: "root" },
  ];
  await refused({ ...withVm({ disks: [{ disk: "root" }] }), disks }, "disks[1].name", "is the name of disks[0] as well", {
    root: new Uint8Array(8192),
  });
});
