import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("less memory than 16 MiB", async () => {
  await refused(withVm({ memory: "14M" }), "vms[0].memory", "must be at least 16 MiB");
});
