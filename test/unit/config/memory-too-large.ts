import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("memory beyond 39 bits of address", async () => {
  await refused(withVm({ memory: "512G" }), "vms[0].memory", "must be at most");
});
