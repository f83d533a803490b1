import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("bootargs that are a list", async () => {
  await refused(withVm({ bootargs: ["quiet"] }), "vms[0].bootargs", "must be a text");
});
