import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a pipe from a VM to itself", async () => {
  await refused(
    { ...withVms([{}, {}]), pipes: [{ name: "log", between: ["vm1", "vm1"] }] },
    "pipes[0].between",
    "must connect two different VMs",
  );
});
