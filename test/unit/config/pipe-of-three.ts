import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a pipe with three ends", async () => {
  await refused(
    { ...withVms([{}, {}, {}]), pipes: [{ name: "log", between: ["vm0", "vm1", "vm2"] }] },
    "pipes[0].between",
    'must be names of VMs, two such as ["a", "b"], or one such as ["a"]: the other end is the board\'s',
  );
});
