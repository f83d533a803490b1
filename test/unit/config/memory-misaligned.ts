import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("memory that is no multiple of 2 MiB", async () => {
  await refused(withVm({ memory: "33M" }), "vms[0].memory", "must be a multiple of 2 MiB");
});
