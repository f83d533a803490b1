import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a pipe to a VM that does not exist", async () => {
  await refused(
    { ...withVms([{}, {}]), pipes: [{ name: "log", between: ["vm0", "vm2"] }] },
    "pipes[0].between[1]",
    'there is no VM "vm2"',
  );
});
