import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("memory that is no size", async () => {
  await refused(withVm({ memory: "lots" }), "vms[0].memory", "must be a size");
});
