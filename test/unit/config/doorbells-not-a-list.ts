import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("doorbells that are no list", async () => {
  await refused({ ...withVm({}), doorbells: "a-b" }, "doorbells", "must be a list of pairs of VMs");
});
