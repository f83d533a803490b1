import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a doorbell of a VM with itself", async () => {
  await refused({ ...withVms([{}, {}]), doorbells: [["vm0", "vm0"]] }, "doorbells[0]", "must connect two different VMs");
});
