import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("no VM that starts", async () => {
  await refused(withVm({ autostart: false }), "vms", "one VM at least must start by itself");
});
