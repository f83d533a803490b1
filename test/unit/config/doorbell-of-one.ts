import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a doorbell with one end", async () => {
  await refused({ ...withVm({}), doorbells: [["guest"]] }, "doorbells[0]", "must be a pair of names of VMs");
});
