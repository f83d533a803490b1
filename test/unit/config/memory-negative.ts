import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("memory below 0", async () => {
  await refused(withVm({ memory: -2097152 }), "vms[0].memory", "must be a size");
});
