import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a doorbell of a VM that does not exist", async () => {
  await refused({ ...withVms([{}, {}]), doorbells: [["vm0", "vm2"]] }, "doorbells[0][1]", 'there is no VM "vm2"');
});
